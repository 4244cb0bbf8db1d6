-- When each subscription made its customer a customer even at an MRR of 0: all its life, or, where a policy counts
-- nothing to pay as churn, while collection was paused.
WITH lives AS (
    SELECT c.customer_id, c.subscription_id, c.counts_from AS begins, c.counts_until AS ends
    FROM counted_times c
    CROSS JOIN ledger_rules r
    WHERE NOT r.zero_is_churn
    UNION ALL
    SELECT t.customer_id, t.subscription_id, s.starts, COALESCE(s.next_starts, s.counts_until)
    FROM item_spans s
    CROSS JOIN ledger_rules r
    INNER JOIN counted_times t ON t.time_no = s.time_no
    WHERE r.zero_is_churn AND s.is_paused
    UNION ALL
    SELECT c.customer_id, c.subscription_id, c.effective_epoch, r.forever
    FROM closing_changes c
    CROSS JOIN ledger_rules r
    WHERE r.zero_is_churn AND c.reason = 'paused'
)
SELECT
    COALESCE(a.account_id, c.customer_id) AS account_id,
    c.customer_id,
    c.subscription_id,
    to_timestamp(c.begins) AT TIME ZONE 'UTC' AS alive_from,
    CASE WHEN c.ends < r.as_of THEN to_timestamp(c.ends) AT TIME ZONE 'UTC' END AS alive_until
FROM lives c
CROSS JOIN ledger_rules r
LEFT JOIN account_customers a ON a.customer_id = c.customer_id
