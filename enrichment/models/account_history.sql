-- MRR of each account and currency 90, 180 and 365 days ago, for ratios (minor units).
WITH moments AS (
    SELECT
        CAST(EXTRACT(EPOCH FROM as_of - INTERVAL '90 days') AS BIGINT) AS t90,
        CAST(EXTRACT(EPOCH FROM as_of - INTERVAL '180 days') AS BIGINT) AS t180,
        CAST(EXTRACT(EPOCH FROM as_of - INTERVAL '365 days') AS BIGINT) AS t365
    FROM run_clock
)
SELECT
    a.account_id,
    l.currency,
    CAST(SUM(CASE WHEN l.period_start <= m.t90 AND m.t90 < l.period_end THEN l.monthly_rate ELSE 0 END) AS BIGINT)
        AS mrr_90,
    CAST(SUM(CASE WHEN l.period_start <= m.t180 AND m.t180 < l.period_end THEN l.monthly_rate ELSE 0 END) AS BIGINT)
        AS mrr_180,
    CAST(SUM(CASE WHEN l.period_start <= m.t365 AND m.t365 < l.period_end THEN l.monthly_rate ELSE 0 END) AS BIGINT)
        AS mrr_365
FROM line_rates l
CROSS JOIN moments m
INNER JOIN account_customers a ON a.customer_id = l.customer_id
GROUP BY a.account_id, l.currency
