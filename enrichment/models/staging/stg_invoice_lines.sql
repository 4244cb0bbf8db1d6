-- Lines that bill a subscription item for a service period (epoch seconds, end excluded). A proration can come as
-- an invoice item, without naming its subscription item. A credit gives back what an earlier line had sold.
WITH detailed AS (
    SELECT
        *,
        CASE WHEN (parent ->> 'type') = 'subscription_item_details'
            THEN parent -> 'subscription_item_details' ELSE parent -> 'invoice_item_details'
        END AS detail
    FROM latest_stripe_invoice_lines
),
told AS (
    SELECT *, COALESCE(CAST(detail ->> 'proration' AS BOOLEAN), FALSE) AS is_proration FROM detailed
)
SELECT
    id AS line_id,
    invoice AS invoice_id,
    detail ->> 'subscription' AS subscription_id,
    detail ->> 'subscription_item' AS item_id,
    is_proration,
    is_proration
        AND (amount < 0 OR ((detail -> 'proration_details') -> 'credited_items') ->> 'invoice' IS NOT NULL)
        AS is_credit,
    (pricing -> 'price_details') ->> 'price' AS price_id,
    LOWER(currency) AS currency,
    amount,
    COALESCE(CAST(quantity AS VARCHAR), '') AS quantity,
    CAST(period ->> 'start' AS BIGINT) AS period_start,
    CAST(period ->> 'end' AS BIGINT) AS period_end,
    NULLIF(NULLIF(CAST(discounts AS VARCHAR), '[]'), 'null') AS discounts,
    NULLIF(NULLIF(CAST(discount_amounts AS VARCHAR), '[]'), 'null') AS discount_amounts
FROM told
WHERE (parent ->> 'type') = 'subscription_item_details' OR is_proration
