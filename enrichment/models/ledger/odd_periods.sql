-- The odd lines as Stripe priced them: it may bill a tiered price as a line per tier, and those are one sale.
WITH by_tier AS (
    SELECT
        MIN(line_id) AS line_id,
        invoice_id,
        MAX(item_no) AS item_no,
        item_id,
        subscription_id,
        currency,
        price_id,
        is_metered,
        tiers_mode,
        CAST(CAST(SUM(CAST(NULLIF(quantity, '') AS DECIMAL(38, 6))) AS BIGINT) AS VARCHAR) AS quantity,
        CAST(SUM(amount) AS BIGINT) AS amount,
        COUNT(*) AS line_count,
        period_start,
        period_end,
        is_proration,
        is_credit,
        is_set_aside,
        invoiced_epoch,
        own_discounts,
        shared_discounts,
        '[' || STRING_AGG(SUBSTR(discount_amounts, 2, LENGTH(discount_amounts) - 2), ',') || ']' AS discount_amounts
    FROM odd_items
    WHERE tiers_mode <> ''
    GROUP BY
        invoice_id, item_id, subscription_id, currency, price_id, is_metered, tiers_mode, period_start,
        period_end, is_proration, is_credit, is_set_aside, invoiced_epoch, own_discounts, shared_discounts
)
SELECT * FROM odd_items WHERE tiers_mode = ''
UNION ALL
SELECT * FROM by_tier
