-- Stripe customers; the whole customer-level discount stays JSON text for the rating.
SELECT
    id AS customer_id,
    NULLIF(TRIM(name), '') AS customer_name,
    email,
    LOWER(currency) AS currency,
    to_timestamp(created) AT TIME ZONE 'UTC' AS created_at,
    invoice_settings ->> 'default_payment_method' AS default_payment_method,
    CAST(metadata AS VARCHAR) AS metadata,
    CASE WHEN (discount ->> 'id') IS NOT NULL THEN CAST(discount AS VARCHAR) END AS discount
FROM latest_stripe_customers
