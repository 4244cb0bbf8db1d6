-- Customers that were there at the instant. Whether one had a discount then, its invoices say; which way to pay was its
-- default has no date.
SELECT
    c.customer_id,
    c.customer_name,
    c.email,
    c.currency,
    c.created_at,
    CAST(NULL AS VARCHAR) AS default_payment_method,
    c.metadata,
    CAST(NULL AS VARCHAR) AS discount
FROM present_stg_customers c
CROSS JOIN run_clock r
WHERE c.created_at IS NULL OR c.created_at <= r.as_of
