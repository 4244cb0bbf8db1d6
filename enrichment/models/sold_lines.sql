-- What invoices sold: one row per item and service period [period_start, period_end) in epoch seconds. Trials sold
-- nothing. A proration that names no item belongs to the item that was sold at the same price. Stripe may bill a
-- tiered price as a line per tier: those are one sale. bundle: the lines that share an amount off are rated together.
-- Of several changes within a second the last one stands: what is billed and given back at once was never sold.
WITH told AS (
    SELECT
        l.*,
        COALESCE(l.subscription_id, i.subscription_id) AS sold_by,
        i.created_epoch AS invoiced_epoch,
        i.is_set_aside,
        i.status AS invoice_status,
        COALESCE(i.discounts, '') AS shared_discounts,
        p.product_id,
        p.tiers_mode,
        p.usage_type
    FROM stg_invoice_lines l
    INNER JOIN stg_invoices i ON i.invoice_id = l.invoice_id
    INNER JOIN stg_prices p ON p.price_id = l.price_id
    WHERE l.line_id NOT IN (SELECT line_id FROM rejected_lines)
        AND NOT (i.status = 'void' AND NOT i.is_set_aside)
),
owners AS (
    SELECT sold_by, price_id, MAX(item_id) AS item_id
    FROM (
        SELECT sold_by, price_id, item_id FROM told WHERE item_id IS NOT NULL
            AND sold_by IN (SELECT sold_by FROM told WHERE item_id IS NULL)
        UNION ALL
        SELECT subscription_id, price_id, item_id FROM stg_subscription_items
            WHERE subscription_id IN (SELECT sold_by FROM told WHERE item_id IS NULL)
    ) named
    GROUP BY sold_by, price_id
),
owned AS (
    SELECT
        t.line_id,
        t.invoice_id,
        COALESCE(t.item_id, o.item_id, t.sold_by || ':' || t.price_id) AS item_id,
        t.sold_by AS subscription_id,
        t.currency,
        t.price_id,
        t.product_id,
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
    FROM told t
    LEFT JOIN owners o ON t.item_id IS NULL AND o.sold_by = t.sold_by AND o.price_id = t.price_id
),
changes AS (
    SELECT
        line_id,
        item_id,
        period_start,
        is_credit,
        SUM(amount) OVER (PARTITION BY item_id, period_start) AS changed,
        SUM(amount) OVER (PARTITION BY item_id, period_start, price_id, quantity) AS remains
    FROM owned
    WHERE is_proration AND amount <> 0
),
undone AS (
    SELECT line_id
    FROM (
        SELECT
            *,
            MAX(CASE WHEN remains > 0 AND NOT is_credit THEN 1 ELSE 0 END)
                OVER (PARTITION BY item_id, period_start) AS has_stayed
        FROM changes
    ) told_apart
    WHERE changed = 0 OR (remains = 0 AND has_stayed = 1)
),
by_tier AS (
    SELECT
        MIN(line_id) AS line_id,
        invoice_id,
        item_id,
        subscription_id,
        currency,
        price_id,
        product_id,
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
    FROM owned
    WHERE tiers_mode <> ''
    GROUP BY
        invoice_id, item_id, subscription_id, currency, price_id, product_id, is_metered, tiers_mode, period_start,
        period_end, is_proration, is_credit, is_set_aside, invoiced_epoch, own_discounts, shared_discounts
),
sales AS (
    SELECT * FROM owned WHERE tiers_mode = ''
    UNION ALL
    SELECT * FROM by_tier
),
-- A trial of somebody who had paid before sells at 0 what was sold; any other trial sells nothing yet.
trials AS (
    SELECT s.line_id, s.subscription_id, s.period_start
    FROM sales s
    INNER JOIN stg_subscriptions b ON b.subscription_id = s.subscription_id
    WHERE s.amount = 0 AND NOT s.is_proration AND s.period_start < b.trial_end_epoch
),
paid_before AS (
    SELECT t.line_id
    FROM trials t
    INNER JOIN sales s ON s.subscription_id = t.subscription_id
    WHERE s.amount > 0 AND s.period_start < t.period_start
),
-- A change that waited for its invoice was made before collection was paused, unless its cycle is set aside too.
waited AS (
    SELECT s.line_id
    FROM sales s
    LEFT JOIN sales c
        ON c.subscription_id = s.subscription_id AND c.is_set_aside AND NOT c.is_proration
        AND c.period_start <= s.period_start AND s.period_start < c.period_end
    WHERE s.is_set_aside AND s.is_proration AND s.period_start < s.invoiced_epoch - 86400 AND c.line_id IS NULL
),
tied AS (
    SELECT
        s.line_id,
        STRING_AGG(s.price_id || '*' || s.quantity || s.own_discounts, '+') OVER w AS bundle,
        ROW_NUMBER() OVER w AS place
    FROM sales s
    INNER JOIN tied_discounts d ON d.discounts = s.shared_discounts
    WHERE NOT s.is_proration AND NOT s.is_metered
    WINDOW w AS (
        PARTITION BY s.invoice_id ORDER BY s.item_id, s.line_id
        ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    )
)
SELECT
    s.line_id,
    s.invoice_id,
    s.item_id,
    s.subscription_id,
    s.currency,
    s.price_id,
    s.product_id,
    s.is_metered,
    s.quantity,
    s.amount,
    s.line_count,
    s.period_start,
    s.period_end,
    s.is_proration,
    s.is_credit,
    s.is_set_aside AND s.line_id NOT IN (SELECT line_id FROM waited) AS is_set_aside,
    s.invoiced_epoch,
    s.own_discounts,
    s.shared_discounts,
    s.discount_amounts,
    COALESCE(i.tax_rates, b.tax_rates, '') AS tax_rates,
    COALESCE(t.bundle, '') AS bundle,
    COALESCE(t.place, 0) AS place
FROM sales s
LEFT JOIN tied t ON t.line_id = s.line_id
LEFT JOIN stg_subscriptions b ON b.subscription_id = s.subscription_id
LEFT JOIN stg_subscription_items i ON i.item_id = s.item_id
WHERE s.line_id NOT IN (SELECT line_id FROM undone)
    AND (
        s.line_id NOT IN (SELECT line_id FROM trials)
        OR (NOT s.is_metered AND s.line_id IN (SELECT line_id FROM paid_before))
    )
