-- What each invoice line of a licensed item tells of it, from when it was known until a later one was: at any instant in
-- between it is the last word on the item's price and quantity. Of lines that begin together a debit is the last word.
WITH told AS (
    SELECT
        l.item_id, l.subscription_id, l.price_id, l.is_credit, l.period_start, l.period_end, l.discounts, l.known_epoch,
        -- Stripe may bill a tiered price as a line per tier.
        CASE WHEN p.tiers_mode <> ''
            THEN CAST(
                SUM(CAST(NULLIF(l.quantity, '') AS BIGINT)) OVER (
                    PARTITION BY l.item_id, l.invoice_id, l.period_start, l.price_id, l.is_credit
                ) AS VARCHAR
            )
            ELSE l.quantity
        END AS quantity,
        MIN(l.known_epoch) OVER (
            PARTITION BY l.item_id ORDER BY l.period_start DESC, l.is_credit, l.period_end DESC, l.line_id DESC
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS superseded_epoch
    FROM dated_lines l
    INNER JOIN stg_prices p ON p.price_id = l.price_id
    WHERE l.item_id IS NOT NULL AND p.usage_type <> 'metered'
)
SELECT * FROM told WHERE superseded_epoch IS NULL OR superseded_epoch > known_epoch
