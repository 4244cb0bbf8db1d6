-- Every time that an account left: the instant at which it had no MRR in any currency and no subscription of it was
-- alive any more, after it had paid. To pause, or to pay nothing for a while, is not to leave.
WITH moves AS (
    SELECT account_id, effective_at AS moved_at, mrr_change, 0 AS lives_change FROM whole_ledger
    UNION ALL
    SELECT account_id, alive_from, 0, 1 FROM whole_lives
    UNION ALL
    SELECT account_id, alive_until, 0, -1 FROM whole_lives WHERE alive_until IS NOT NULL
),
stood AS (
    SELECT
        account_id,
        moved_at,
        SUM(SUM(mrr_change)) OVER w AS mrr,
        SUM(SUM(lives_change)) OVER w AS lives
    FROM moves
    GROUP BY account_id, moved_at
    WINDOW w AS (PARTITION BY account_id ORDER BY moved_at)
),
was_paid AS (
    SELECT *, MAX(CASE WHEN mrr > 0 THEN 1 ELSE 0 END) OVER (PARTITION BY account_id ORDER BY moved_at) AS has_paid
    FROM stood
),
stands AS (
    SELECT account_id, moved_at, mrr > 0 OR (lives > 0 AND has_paid = 1) AS is_customer FROM was_paid
),
left_at AS (
    SELECT *, LAG(is_customer) OVER (PARTITION BY account_id ORDER BY moved_at) AS was_customer FROM stands
),
unpaid AS (
    SELECT account_id, effective_at AS ended_at
    FROM whole_ledger
    WHERE mrr_change < 0 AND reason IN ('unpaid', 'past_due')
    UNION
    SELECT a.account_id, s.ended_at
    FROM whole_subscriptions s
    INNER JOIN whole_customers a ON a.customer_id = s.customer_id
    WHERE s.cancellation_reason IN ('payment_failed', 'payment_disputed') AND s.ended_at IS NOT NULL
)
SELECT
    c.account_id,
    c.moved_at AS churned_at,
    CASE WHEN u.account_id IS NULL THEN 'voluntary' ELSE 'payment' END AS kind
FROM left_at c
LEFT JOIN unpaid u ON u.account_id = c.account_id AND u.ended_at = c.moved_at
WHERE c.was_customer AND NOT c.is_customer
