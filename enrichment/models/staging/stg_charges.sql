-- Attempts to collect money, failed ones too.
SELECT
    id AS charge_id,
    customer AS customer_id,
    amount,
    COALESCE(amount_refunded, 0) AS amount_refunded,
    LOWER(currency) AS currency,
    created AS created_epoch,
    to_timestamp(created) AT TIME ZONE 'UTC' AS created_at,
    status,
    payment_intent
FROM latest_stripe_charges
