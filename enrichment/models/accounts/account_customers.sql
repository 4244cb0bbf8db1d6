-- The account of every Stripe customer: its HubSpot company, else itself. Customers that Stripe no longer
-- lists (deleted ones) are known from their subscriptions.
WITH known AS (
    SELECT customer_id FROM stg_customers
    UNION
    SELECT customer_id FROM stg_subscriptions WHERE customer_id IS NOT NULL
)
SELECT
    k.customer_id,
    m.company_id,
    COALESCE(m.company_id, k.customer_id) AS account_id,
    m.match_rule
FROM known k
LEFT JOIN customer_match m ON m.customer_id = k.customer_id
