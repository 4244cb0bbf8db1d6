-- What the odd lines sold: one row per item and service period [period_start, period_end) in epoch seconds. bundle: the
-- lines that share an amount off are rated together.
WITH
-- Of several changes within a second the last one stands: what is billed and given back at once was never sold.
changes AS (
    SELECT
        line_id,
        item_id,
        period_start,
        is_credit,
        SUM(amount) OVER (PARTITION BY item_id, period_start) AS changed,
        SUM(amount) OVER (PARTITION BY item_id, period_start, price_id, quantity) AS remains
    FROM odd_items
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
-- A trial of somebody who had paid before sells at 0 what was sold; any other trial sells nothing yet.
trials AS (
    SELECT s.line_id, s.subscription_id, s.period_start
    FROM odd_periods s
    INNER JOIN stg_subscriptions b ON b.subscription_id = s.subscription_id
    WHERE s.amount = 0 AND NOT s.is_proration AND s.period_start < b.trial_end_epoch
),
paid_before AS (
    SELECT t.line_id
    FROM trials t
    INNER JOIN odd_periods s ON s.subscription_id = t.subscription_id
    WHERE s.amount > 0 AND s.period_start < t.period_start
    UNION ALL
    SELECT t.line_id
    FROM trials t
    INNER JOIN listed_items i ON i.subscription_id = t.subscription_id
    INNER JOIN told_lines l ON l.item_no = i.item_no
    INNER JOIN plain_rates r ON r.term_no = l.term_no
    WHERE r.cycle_amount > 0 AND l.period_start < t.period_start
),
-- A change that waited for its invoice was made before collection was paused, unless its cycle is set aside too.
waited AS (
    SELECT s.line_id
    FROM odd_periods s
    LEFT JOIN odd_periods c
        ON c.subscription_id = s.subscription_id AND c.is_set_aside AND NOT c.is_proration
        AND c.period_start <= s.period_start AND s.period_start < c.period_end
    WHERE s.is_set_aside AND s.is_proration AND s.period_start < s.invoiced_epoch - 86400 AND c.line_id IS NULL
),
tied AS (
    SELECT
        s.line_id,
        STRING_AGG(s.price_id || '*' || s.quantity || s.own_discounts, '+') OVER w AS bundle,
        ROW_NUMBER() OVER w AS place
    FROM odd_periods s
    INNER JOIN tied_discounts d ON d.discounts = s.shared_discounts
    WHERE NOT s.is_proration AND NOT s.is_metered
    WINDOW w AS (
        PARTITION BY s.invoice_id ORDER BY s.item_id, s.line_id
        ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    )
),
gone AS (
    SELECT
        m.item_id,
        m.subscription_id,
        n.item_no,
        COALESCE(n.tax_rates, b.tax_rates) AS tax_rates
    FROM (SELECT DISTINCT item_id, subscription_id FROM odd_periods WHERE item_no IS NULL) m
    LEFT JOIN listed_items n ON n.item_id = m.item_id AND n.subscription_id = m.subscription_id
    LEFT JOIN stg_subscriptions b ON b.subscription_id = m.subscription_id
)
SELECT
    s.line_id,
    s.invoice_id,
    COALESCE(s.item_no, g.item_no) AS item_no,
    s.item_id,
    s.subscription_id,
    s.currency,
    s.price_id,
    s.is_metered,
    s.quantity,
    s.amount,
    s.line_count,
    s.period_start,
    s.period_end,
    s.is_proration,
    s.is_credit,
    s.is_set_aside AND s.line_id NOT IN (SELECT line_id FROM waited) AS is_set_aside,
    s.own_discounts,
    s.shared_discounts,
    s.discount_amounts,
    COALESCE(i.tax_rates, g.tax_rates, '') AS tax_rates,
    COALESCE(t.bundle, '') AS bundle,
    COALESCE(t.place, 0) AS place
FROM odd_periods s
LEFT JOIN tied t ON t.line_id = s.line_id
LEFT JOIN listed_items i ON i.item_no = s.item_no
LEFT JOIN gone g ON s.item_no IS NULL AND g.item_id = s.item_id AND g.subscription_id = s.subscription_id
WHERE s.line_id NOT IN (SELECT line_id FROM undone)
    AND (
        s.line_id NOT IN (SELECT line_id FROM trials)
        OR (NOT s.is_metered AND s.line_id IN (SELECT line_id FROM paid_before))
    )
