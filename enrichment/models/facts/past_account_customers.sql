-- Customers that were there at the instant, under the accounts that they belong to now.
SELECT a.*
FROM present_account_customers a
WHERE a.customer_id IN (
    SELECT customer_id FROM stg_customers
    UNION
    SELECT customer_id FROM stg_subscriptions WHERE customer_id IS NOT NULL
)
