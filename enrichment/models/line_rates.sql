-- First depth of MRR's history: an invoice line is a monthly rate over its service period [period_start,
-- period_end). A full line is one cycle's amount; a proration is scaled up to the cycle that it cuts, whose
-- length comes from the price's interval. Summing the rates that cover an instant gives the MRR of that
-- instant: an upgrade's credit cancels the old rate, its debit adds the new one.
-- rate = (amount - forever discounts) * cycle / covered * months_num / months_den, in minor units, as
-- DECIMAL(38, 0) until the one rounding.
WITH priced AS (
    SELECT
        l.*,
        i.customer_id,
        p.price_interval,
        CAST(p.interval_count AS BIGINT) AS interval_count,
        COALESCE(d.forever_amount, 0) AS forever_amount,
        to_timestamp(l.period_end) AT TIME ZONE 'UTC' AS period_ends_at
    FROM stg_invoice_lines l
    INNER JOIN stg_invoices i ON i.invoice_id = l.invoice_id
    INNER JOIN stg_prices p ON p.price_id = l.price_id
    LEFT JOIN line_discounts d ON d.line_id = l.line_id
    WHERE l.period_end > l.period_start
        AND p.usage_type <> 'metered'
        AND p.price_interval IN ('day', 'week', 'month', 'year')
        AND p.interval_count <> '' AND p.interval_count <> '0'
),
measured AS (
    SELECT
        *,
        period_end - period_start AS covered,
        CASE
            WHEN NOT is_proration THEN period_end - period_start
            WHEN price_interval = 'day' THEN 86400 * interval_count
            WHEN price_interval = 'week' THEN 604800 * interval_count
            WHEN price_interval = 'month'
                THEN period_end - CAST(EXTRACT(EPOCH FROM period_ends_at - interval_count * INTERVAL '1 month') AS BIGINT)
            ELSE period_end - CAST(EXTRACT(EPOCH FROM period_ends_at - interval_count * INTERVAL '1 year') AS BIGINT)
        END AS cycle,
        CASE price_interval WHEN 'day' THEN 365 WHEN 'week' THEN 52 ELSE 1 END AS months_num,
        CASE price_interval WHEN 'month' THEN 1 ELSE 12 END AS months_den
    FROM priced
)
SELECT
    line_id,
    customer_id,
    item_id,
    currency,
    period_start,
    period_end,
    CAST(
        ROUND(
            CAST(amount - forever_amount AS DECIMAL(38, 0)) * cycle * months_num
            / (CAST(covered AS DECIMAL(38, 0)) * months_den * interval_count),
            0
        ) AS BIGINT
    ) AS monthly_rate
FROM measured
