-- Items as their subscriptions listed them at the instant. What a licensed item was sold for, its last line known by
-- then says: where there is none, it is not known that there was an item. Usage has neither quantity nor a line before it
-- is billed. An item was listed until its rest was given back, or others of its subscription were billed without it;
-- whether it is listed today says nothing of then.
WITH told AS (
    SELECT
        l.*,
        CASE WHEN p.tiers_mode <> ''
            THEN CAST(
                CAST(
                    SUM(CAST(NULLIF(l.quantity, '') AS DECIMAL(38, 6))) OVER (
                        PARTITION BY l.item_id, l.invoice_id, l.period_start, l.price_id, l.is_credit
                    ) AS BIGINT
                ) AS VARCHAR
            )
            ELSE l.quantity
        END AS units,
        ROW_NUMBER() OVER (
            PARTITION BY l.item_id ORDER BY l.period_start DESC, l.is_credit, l.period_end DESC, l.line_id DESC
        ) AS place,
        MAX(l.period_start) OVER (PARTITION BY l.subscription_id) AS last_billed
    FROM stg_invoice_lines l
    INNER JOIN stg_prices p ON p.price_id = l.price_id
    WHERE l.item_id IS NOT NULL AND p.usage_type <> 'metered'
),
last_told AS (
    SELECT * FROM told WHERE place = 1
),
usage_items AS (
    SELECT i.*
    FROM present_stg_subscription_items i
    INNER JOIN stg_prices p ON p.price_id = i.price_id
    WHERE p.usage_type = 'metered'
),
siblings AS (
    SELECT subscription_id, MIN(period_start) AS period_start, MIN(period_end) AS period_end
    FROM last_told
    GROUP BY subscription_id
),
listed AS (
    SELECT
        t.item_id, t.subscription_id, t.price_id, t.units AS quantity, i.created_epoch, t.period_start, t.period_end,
        t.discounts, i.tax_rates
    FROM last_told t
    CROSS JOIN rewound_to r
    INNER JOIN stg_subscriptions s ON s.subscription_id = t.subscription_id
    LEFT JOIN present_stg_subscription_items i ON i.item_id = t.item_id
    WHERE s.end_epoch IS NOT NULL
        OR (NOT t.is_credit AND (t.period_end > r.at_epoch OR t.last_billed < t.period_end))
    UNION ALL
    SELECT
        u.item_id, u.subscription_id, u.price_id, u.quantity, u.created_epoch, b.period_start, b.period_end,
        u.discounts, u.tax_rates
    FROM usage_items u
    CROSS JOIN rewound_to r
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
