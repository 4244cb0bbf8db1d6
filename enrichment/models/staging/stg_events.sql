-- What happened to subscriptions and discounts in the last 30 days. changed_fields: JSON of what it was before.
SELECT
    id AS event_id,
    type AS event_type,
    created AS created_epoch,
    CASE WHEN type LIKE 'customer.subscription.%'
        THEN (data -> 'object') ->> 'id' ELSE (data -> 'object') ->> 'subscription'
    END AS subscription_id,
    (data -> 'object') ->> 'customer' AS customer_id,
    COALESCE(CAST(data -> 'previous_attributes' AS VARCHAR), '') AS changed_fields
FROM latest_stripe_events
WHERE type LIKE 'customer.subscription.%' OR type LIKE 'customer.discount.%'
