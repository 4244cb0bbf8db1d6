-- The odd lines with the item each one sold: a proration that names none belongs to the item of its subscription that
-- was sold at the same price. Lines of voided invoices sold nothing, unless they were set aside.
WITH invoiced AS NOT MATERIALIZED (
    SELECT
        l.*,
        COALESCE(l.subscription_id, i.subscription_id) AS sold_by,
        COALESCE(i.is_set_aside, FALSE) AS is_set_aside,
        i.created_epoch AS invoiced_epoch,
        COALESCE(i.shared_discounts, '') AS shared_discounts,
        p.tiers_mode,
        p.usage_type
    FROM odd_lines l
    INNER JOIN stg_prices p ON p.price_id = l.price_id
    LEFT JOIN noted_invoices i ON i.invoice_id = l.invoice_id
    WHERE i.status IS DISTINCT FROM 'void' OR i.is_set_aside
),
itemless AS (
    SELECT DISTINCT sold_by FROM invoiced WHERE item_id IS NULL
),
owners AS (
    SELECT sold_by, price_id, MAX(item_id) AS item_id
    FROM (
        SELECT o.sold_by, o.price_id, o.item_id
        FROM invoiced o
        INNER JOIN itemless s ON s.sold_by = o.sold_by
        WHERE o.item_id IS NOT NULL
        UNION ALL
        SELECT s.sold_by, r.price_id, i.item_id
        FROM itemless s
        INNER JOIN listed_items i ON i.subscription_id = s.sold_by
        INNER JOIN told_lines t ON t.item_no = i.item_no
        INNER JOIN plain_terms r ON r.term_no = t.term_no
        UNION ALL
        SELECT s.sold_by, i.price_id, i.item_id
        FROM itemless s
        INNER JOIN stg_subscription_items i ON i.subscription_id = s.sold_by
    ) named
    GROUP BY sold_by, price_id
)
SELECT
    t.line_id,
    t.invoice_id,
    t.item_no,
    COALESCE(t.item_id, o.item_id, t.sold_by || ':' || t.price_id) AS item_id,
    t.sold_by AS subscription_id,
    t.currency,
    t.price_id,
    t.usage_type = 'metered' AS is_metered,
    t.tiers_mode,
    t.quantity,
    t.amount,
    1 AS line_count,
    t.period_start,
    t.period_end,
    t.is_proration,
    t.is_credit,
    t.is_set_aside,
    t.invoiced_epoch,
    COALESCE(t.discounts, '') AS own_discounts,
    t.shared_discounts,
    t.discount_amounts
FROM invoiced t
LEFT JOIN owners o ON t.item_id IS NULL AND o.sold_by = t.sold_by AND o.price_id = t.price_id
