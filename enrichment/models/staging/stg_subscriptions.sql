-- Stripe subscriptions of every status. is_ending: a cancellation is scheduled.
SELECT
    id AS subscription_id,
    NULLIF(customer, '') AS customer_id,
    status,
    LOWER(currency) AS currency,
    created AS created_epoch,
    start_date AS start_epoch,
    trial_start AS trial_start_epoch,
    trial_end AS trial_end_epoch,
    ended_at AS end_epoch,
    canceled_at AS cancel_request_epoch,
    to_timestamp(start_date) AT TIME ZONE 'UTC' AS started_at,
    to_timestamp(trial_start) AT TIME ZONE 'UTC' AS trial_starts_at,
    to_timestamp(trial_end) AT TIME ZONE 'UTC' AS trial_ends_at,
    to_timestamp(cancel_at) AT TIME ZONE 'UTC' AS cancels_at,
    to_timestamp(ended_at) AT TIME ZONE 'UTC' AS ended_at,
    (COALESCE(cancel_at_period_end, FALSE) OR cancel_at IS NOT NULL) AS is_ending,
    (pause_collection ->> 'behavior') IS NOT NULL AS is_collection_paused,
    NULLIF(NULLIF(CAST(discounts AS VARCHAR), '[]'), 'null') AS discounts,
    default_payment_method,
    cancellation_details ->> 'reason' AS cancellation_reason,
    NULLIF(NULLIF(CAST(default_tax_rates AS VARCHAR), '[]'), 'null') AS tax_rates
FROM latest_stripe_subscriptions
