-- Everybody who may belong to a company. Customers that Stripe no longer lists (deleted ones) are known from
-- their subscriptions, by their id alone.
SELECT
    customer_id,
    customer_name,
    email,
    metadata
FROM stg_customers
UNION ALL
SELECT DISTINCT
    s.customer_id,
    CAST(NULL AS VARCHAR),
    CAST(NULL AS VARCHAR),
    CAST(NULL AS VARCHAR)
FROM stg_subscriptions s
WHERE s.customer_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM stg_customers c WHERE c.customer_id = s.customer_id)
