-- Each item's rates one after the other: a rate holds from its start until the next one starts. starts is never
-- before the time that counts; the last of several that start together stands, a debit behind the credit it replaces.
WITH rated AS (
    SELECT
        s.item_id,
        s.subscription_id,
        c.customer_id,
        s.currency,
        s.price_id,
        s.product_id,
        s.quantity,
        s.line_id,
        s.invoice_id,
        s.is_credit,
        s.is_proration,
        s.is_metered,
        s.is_set_aside AND NOT r.counts_paused AND s.period_start < COALESCE(c.unpaid_epoch, r.forever) AS is_paused,
        s.invoiced_epoch,
        CASE WHEN s.is_metered THEN s.period_end ELSE s.period_start END AS period_start,
        CASE WHEN s.is_metered THEN s.period_end + (s.period_end - s.period_start) ELSE s.period_end END AS period_end,
        COALESCE(b.mrr, t.mrr, 0) AS rate,
        COALESCE(b.contract_mrr, t.contract_mrr, 0) AS contract_rate,
        s.own_discounts || s.shared_discounts AS discounts,
        c.counts_from,
        c.counts_until,
        MIN(s.period_start) OVER (PARTITION BY s.subscription_id) AS first_sold
    FROM sold_lines s
    CROSS JOIN ledger_rules r
    INNER JOIN counted_times c ON c.subscription_id = s.subscription_id
    LEFT JOIN billed_rates b ON b.line_id = s.line_id
    LEFT JOIN term_rates t
        ON t.bundle = s.bundle AND t.place = s.place AND t.price_id = s.price_id AND t.quantity = s.quantity
        AND t.currency = s.currency AND t.own_discounts = s.own_discounts
        AND t.shared_discounts = s.shared_discounts AND t.tax_rates = s.tax_rates
        AND t.is_proration = s.is_proration
    WHERE s.period_start < LEAST(c.counts_until, r.as_of)
),
placed AS (
    SELECT
        *,
        CASE
            WHEN period_start = first_sold THEN counts_from
            ELSE GREATEST(period_start, counts_from)
        END AS starts,
        CASE WHEN LEAD(period_start) OVER w IS NOT NULL
            THEN GREATEST(LEAD(period_start) OVER w, counts_from)
        END AS next_starts
    FROM rated
    CROSS JOIN ledger_rules k
    WHERE k.counts_metered OR NOT is_metered
    WINDOW w AS (
        PARTITION BY item_id, counts_from ORDER BY period_start, is_credit DESC, invoiced_epoch, line_id
    )
)
SELECT
    p.item_id,
    p.subscription_id,
    p.customer_id,
    p.currency,
    p.price_id,
    p.product_id,
    p.quantity,
    p.line_id,
    p.invoice_id,
    p.is_metered,
    p.is_paused,
    p.is_credit,
    p.is_proration,
    p.discounts,
    p.period_start,
    p.period_end,
    p.counts_from,
    p.counts_until,
    p.starts,
    p.next_starts,
    CASE WHEN p.is_credit OR p.is_paused THEN 0 ELSE p.rate END AS mrr,
    CASE WHEN p.is_credit OR p.is_paused THEN 0 ELSE p.contract_rate END AS contract_mrr
FROM placed p
CROSS JOIN ledger_rules r
WHERE (p.next_starts IS NULL OR p.next_starts > p.starts) AND p.starts < LEAST(p.counts_until, r.as_of)
