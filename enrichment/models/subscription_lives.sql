-- When each subscription made its customer a customer, whatever it paid.
SELECT
    COALESCE(a.account_id, c.customer_id) AS account_id,
    c.customer_id,
    c.subscription_id,
    to_timestamp(c.counts_from) AT TIME ZONE 'UTC' AS alive_from,
    CASE WHEN c.counts_until < r.as_of THEN to_timestamp(c.counts_until) AT TIME ZONE 'UTC' END AS alive_until
FROM counted_times c
CROSS JOIN ledger_rules r
LEFT JOIN account_customers a ON a.customer_id = c.customer_id
