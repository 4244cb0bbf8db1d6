-- The state of each account's subscriptions in one word, the most telling first.
WITH counted AS (
    SELECT
        a.account_id,
        SUM(CASE WHEN s.status = 'past_due' THEN 1 ELSE 0 END) AS past_due,
        SUM(CASE WHEN s.status = 'unpaid' THEN 1 ELSE 0 END) AS unpaid,
        SUM(CASE WHEN s.status = 'incomplete' THEN 1 ELSE 0 END) AS incomplete,
        SUM(CASE WHEN s.status = 'active' AND NOT s.is_collection_paused THEN 1 ELSE 0 END) AS active,
        SUM(CASE WHEN s.status = 'trialing' THEN 1 ELSE 0 END) AS trialing,
        SUM(CASE WHEN s.status = 'paused' OR (s.status = 'active' AND s.is_collection_paused) THEN 1 ELSE 0 END)
            AS paused,
        MIN(CASE WHEN s.status IN ('active', 'past_due', 'unpaid') THEN s.started_at END) AS first_started_at
    FROM account_customers a
    LEFT JOIN stg_subscriptions s ON s.customer_id = a.customer_id
    GROUP BY a.account_id
)
SELECT
    c.account_id,
    COALESCE(p.first_paid_at, c.first_started_at) AS since_at,
    p.first_paid_at,
    CASE
        WHEN c.past_due > 0 THEN 'past_due'
        WHEN c.active > 0 THEN 'active'
        WHEN c.trialing > 0 THEN 'trialing'
        WHEN c.unpaid > 0 THEN 'unpaid'
        WHEN c.paused > 0 THEN 'paused'
        WHEN p.first_paid_at IS NOT NULL THEN 'churned'
        WHEN c.incomplete > 0 THEN 'incomplete'
        ELSE 'never_paid'
    END AS status
FROM counted c
LEFT JOIN account_payments p ON p.account_id = c.account_id
