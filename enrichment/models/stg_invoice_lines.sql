-- Lines that bill a subscription item for a service period (epoch seconds, end excluded). A proration can come as
-- an invoice item, without naming its subscription item.
SELECT
    id AS line_id,
    invoice AS invoice_id,
    (parent -> 'subscription_item_details') ->> 'subscription_item' AS item_id,
    COALESCE(
        CAST((parent -> 'subscription_item_details') ->> 'proration' AS BOOLEAN),
        CAST((parent -> 'invoice_item_details') ->> 'proration' AS BOOLEAN),
        FALSE
    ) AS is_proration,
    (pricing -> 'price_details') ->> 'price' AS price_id,
    LOWER(currency) AS currency,
    amount,
    CAST(period ->> 'start' AS BIGINT) AS period_start,
    CAST(period ->> 'end' AS BIGINT) AS period_end,
    NULLIF(NULLIF(CAST(discount_amounts AS VARCHAR), '[]'), 'null') AS discount_amounts
FROM latest_stripe_invoice_lines
WHERE (parent ->> 'type') = 'subscription_item_details'
    OR CAST((parent -> 'invoice_item_details') ->> 'proration' AS BOOLEAN)
