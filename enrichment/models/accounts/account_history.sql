-- MRR of each account and currency 90, 180 and 365 days ago, from the ledger (minor units).
SELECT
    l.account_id,
    l.currency,
    CAST(SUM(CASE WHEN l.effective_at <= r.as_of - INTERVAL '90 days' THEN l.mrr_change ELSE 0 END) AS BIGINT) AS mrr_90,
    CAST(SUM(CASE WHEN l.effective_at <= r.as_of - INTERVAL '180 days' THEN l.mrr_change ELSE 0 END) AS BIGINT)
        AS mrr_180,
    CAST(SUM(CASE WHEN l.effective_at <= r.as_of - INTERVAL '365 days' THEN l.mrr_change ELSE 0 END) AS BIGINT)
        AS mrr_365
FROM mrr_ledger l
CROSS JOIN run_clock r
GROUP BY l.account_id, l.currency
