-- The items that subscriptions list, numbered: the lines, many times as many, are sorted and joined by number.
SELECT
    CAST(ROW_NUMBER() OVER () AS INTEGER) AS item_no,
    i.item_id,
    i.subscription_id,
    s.trial_end_epoch,
    COALESCE(i.tax_rates, s.tax_rates) AS tax_rates
FROM stg_subscription_items i
LEFT JOIN stg_subscriptions s ON s.subscription_id = i.subscription_id
