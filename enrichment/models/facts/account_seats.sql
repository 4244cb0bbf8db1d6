-- Seats that each account pays for, now and 90 days ago: the units of its licensed items that count. What was sold 90 days
-- ago, the invoice lines say. An item of which one unit is sold, now and then, is a plan and no seats.
WITH seats_now AS (
    SELECT item_id, account_id, CAST(NULLIF(quantity, '') AS BIGINT) AS units
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
    SELECT
        COALESCE(n.account_id, s.account_id) AS account_id,
        n.units AS units_now,
        CAST(s.units AS BIGINT) AS units_then
    FROM seats_now n
    FULL OUTER JOIN (SELECT * FROM last_sold WHERE place = 1) s ON s.item_id = n.item_id
)
SELECT
    account_id,
    CAST(SUM(units_now) AS BIGINT) AS paid_seats,
    CAST(SUM(units_then) AS BIGINT) AS paid_seats_90
FROM both_times
WHERE units_now > 1 OR units_then > 1
GROUP BY account_id
