$rates,
firsts AS (
    SELECT account_id, currency, MIN(period_start) AS first_at, MAX(period_end) AS last_at
    FROM rates GROUP BY account_id, currency
),
months AS (
    SELECT CAST(epoch(m + INTERVAL 1 MONTH) AS BIGINT) AS ends_at,
        CAST(date_part('year', m) * 12 + date_part('month', m) - 1 AS INTEGER) AS month_no
    FROM range(TIMESTAMP '2024-06-01', TIMESTAMP '2026-07-02', INTERVAL 1 MONTH) r(m)
)
SELECT f.account_id, f.currency, m.month_no, COALESCE(SUM(r.rate), 0) AS mrr
FROM firsts f
INNER JOIN months m ON m.ends_at > f.first_at AND m.ends_at <= f.last_at + 32 * 86400
LEFT JOIN rates r
    ON r.account_id = f.account_id AND r.currency = f.currency
    AND r.period_start < LEAST(m.ends_at, $now + 1) AND r.period_end >= LEAST(m.ends_at, $now + 1)
GROUP BY f.account_id, f.currency, m.month_no
