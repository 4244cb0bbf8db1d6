-- Seats that each account pays for, now and 90 days ago: the units of its licensed items that count and are sold by the
-- seat. Where none of the account's products says what its units are, these are the units of items that are sold one by
-- one; of which one unit is sold, now and then, is a plan and no seats. What was sold 90 days ago, the invoice lines say.
WITH seats_now AS (
    SELECT item_id, account_id, price_id, CAST(NULLIF(quantity, '') AS BIGINT) AS units
    FROM subscription_items
    WHERE account_id IS NOT NULL
        AND NOT metered
        AND (excluded_reason IS NULL OR excluded_reason = 'fully_discounted')
),
counted_then AS (
    SELECT l.subscription_item_id AS item_id, l.account_id
    FROM mrr_ledger l
    CROSS JOIN run_clock r
    WHERE l.effective_at <= r.as_of - INTERVAL '90 days'
    GROUP BY l.subscription_item_id, l.account_id
    HAVING SUM(l.contract_mrr_change) > 0
),
sold AS (
    SELECT
        l.item_id, l.line_id, l.invoice_id, l.price_id, l.period_start, CAST(NULLIF(l.quantity, '') AS BIGINT) AS units,
        c.account_id
    FROM counted_then c
    CROSS JOIN run_clock r
    INNER JOIN stg_invoice_lines l ON l.item_id = c.item_id AND NOT l.is_credit
    WHERE l.period_start <= EXTRACT(EPOCH FROM r.as_of) - 90 * 86400
),
last_starts AS (
    SELECT s.item_id, MAX(s.period_start) AS period_start
    FROM sold s
    INNER JOIN stg_invoices i ON i.invoice_id = s.invoice_id AND i.status <> 'void'
    GROUP BY s.item_id
),
last_sold AS (
    SELECT
        s.item_id,
        s.account_id,
        s.price_id,
        -- Stripe may bill a tiered price as a line per tier.
        CASE WHEN p.tiers_mode <> ''
            THEN SUM(s.units) OVER (PARTITION BY s.item_id, s.invoice_id, s.price_id) ELSE s.units
        END AS units,
        ROW_NUMBER() OVER (PARTITION BY s.item_id ORDER BY s.line_id DESC) AS place
    FROM sold s
    INNER JOIN last_starts l ON l.item_id = s.item_id AND l.period_start = s.period_start
    INNER JOIN stg_prices p ON p.price_id = s.price_id AND p.usage_type <> 'metered'
),
both_times AS (
    SELECT item_id, account_id, price_id, units AS units_now, NULL AS units_then FROM seats_now
    UNION ALL
    SELECT item_id, account_id, price_id, NULL, CAST(units AS BIGINT) FROM last_sold WHERE place = 1
),
told AS (
    SELECT
        b.account_id,
        b.units_now,
        b.units_then,
        k.is_seat,
        p.package_size,
        MAX(COALESCE(b.units_now, b.units_then)) OVER (PARTITION BY b.item_id) AS most_units,
        MAX(CASE WHEN k.is_seat IS NULL THEN 0 ELSE 1 END) OVER (PARTITION BY b.account_id) AS says_units
    FROM both_times b
    LEFT JOIN stg_prices p ON p.price_id = b.price_id
    LEFT JOIN seat_products k ON k.product_id = p.product_id
)
SELECT
    account_id,
    CAST(SUM(units_now) AS BIGINT) AS paid_seats,
    CAST(SUM(units_then) AS BIGINT) AS paid_seats_90
FROM told
WHERE is_seat OR (says_units = 0 AND most_units > 1 AND COALESCE(package_size, '') = '')
GROUP BY account_id
HAVING SUM(units_now) > 1 OR SUM(units_then) > 1
