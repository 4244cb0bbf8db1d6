-- The account of every Stripe customer: its HubSpot company, else itself.
SELECT
    k.customer_id,
    m.company_id,
    COALESCE(m.company_id, k.customer_id) AS account_id,
    m.match_rule
FROM matchable_customers k
LEFT JOIN customer_match m ON m.customer_id = k.customer_id
