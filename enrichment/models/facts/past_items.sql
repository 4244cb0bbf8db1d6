-- Items as their subscriptions listed them at the instant. What a licensed item was sold for, its last line known by
-- then says: where there is none, it is not known that there was an item. Usage has neither quantity nor a line before it
-- is billed. An item was listed until its rest was given back, or others of its subscription were billed without it;
-- whether it is listed today says nothing of then.
WITH last_told AS (
    SELECT
        t.*,
        s.end_epoch,
        r.at_epoch,
        MAX(t.period_start) OVER (PARTITION BY t.subscription_id) AS last_billed
    FROM item_tellings t
    CROSS JOIN rewound_to r
    INNER JOIN stg_subscriptions s ON s.subscription_id = t.subscription_id
    WHERE t.known_epoch <= r.at_epoch AND (t.superseded_epoch IS NULL OR t.superseded_epoch > r.at_epoch)
),
siblings AS (
    SELECT subscription_id, MIN(period_start) AS period_start, MIN(period_end) AS period_end
    FROM last_told
    GROUP BY subscription_id
),
listed AS (
    SELECT
        t.item_id, t.subscription_id, t.price_id, t.quantity, i.created_epoch, t.period_start, t.period_end, t.discounts,
        i.tax_rates
    FROM last_told t
    LEFT JOIN present_stg_subscription_items i ON i.item_id = t.item_id
    WHERE t.end_epoch IS NOT NULL
        OR (NOT t.is_credit AND (t.period_end > t.at_epoch OR t.last_billed < t.period_end))
    UNION ALL
    SELECT
        u.item_id, u.subscription_id, u.price_id, u.quantity, u.created_epoch, b.period_start, b.period_end,
        u.discounts, u.tax_rates
    FROM present_stg_subscription_items u
    CROSS JOIN rewound_to r
    INNER JOIN stg_prices p ON p.price_id = u.price_id AND p.usage_type = 'metered'
    INNER JOIN stg_subscriptions s ON s.subscription_id = u.subscription_id
    LEFT JOIN siblings b ON b.subscription_id = u.subscription_id
    WHERE COALESCE(u.created_epoch, s.created_epoch, 0) <= r.at_epoch
)
SELECT
    item_id,
    subscription_id,
    price_id,
    quantity,
    created_epoch,
    period_start AS period_start_epoch,
    to_timestamp(period_end) AT TIME ZONE 'UTC' AS period_ends_at,
    discounts,
    tax_rates
FROM listed
