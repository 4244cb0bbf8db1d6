-- Items of Stripe subscriptions. Quantity stays text: it is read exactly, and judged, by the rating.
SELECT
    id AS item_id,
    subscription AS subscription_id,
    price ->> 'id' AS price_id,
    CAST(quantity AS VARCHAR) AS quantity,
    created AS created_epoch,
    current_period_start AS period_start_epoch,
    to_timestamp(current_period_end) AT TIME ZONE 'UTC' AS period_ends_at,
    NULLIF(NULLIF(CAST(discounts AS VARCHAR), '[]'), 'null') AS discounts,
    NULLIF(NULLIF(CAST(tax_rates AS VARCHAR), '[]'), 'null') AS tax_rates
FROM latest_stripe_subscription_items
