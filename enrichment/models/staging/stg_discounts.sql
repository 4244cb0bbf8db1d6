-- Discounts of subscriptions, items and customers, with the coupon each one comes from.
SELECT
    id AS discount_id,
    CAST(source AS VARCHAR) AS coupon_source,
    "start" AS start_epoch,
    "end" AS end_epoch
FROM latest_stripe_discounts
