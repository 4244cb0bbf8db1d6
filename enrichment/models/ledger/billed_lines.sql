-- Lines that price x quantity does not account for: what was billed stands instead. Metered lines always are.
SELECT
    s.odd_no,
    s.line_id,
    n.item_no,
    n.term_no,
    s.currency,
    s.price_id,
    s.amount,
    COALESCE(s.discount_amounts, '') AS discount_amounts,
    s.tax_rates,
    s.period_start,
    s.period_end,
    s.is_proration,
    p.price_interval,
    p.interval_count,
    s.is_metered,
    f.refunded,
    f.total AS invoice_total
FROM odd_sales s
CROSS JOIN ledger_rules r
INNER JOIN odd_terms n ON n.odd_no = s.odd_no
INNER JOIN stg_prices p ON p.price_id = s.price_id
LEFT JOIN refunded_invoices f
    ON f.invoice_id = s.invoice_id AND (f.refunded >= f.total OR r.refunds = 'deduct')
LEFT JOIN term_rates t ON t.term_no = n.term_no
WHERE NOT s.is_credit
    AND p.price_interval IN ('day', 'week', 'month', 'year') AND p.interval_count NOT IN ('', '0')
    AND (
        (s.is_metered AND r.counts_metered)
        OR (NOT s.is_metered AND (
            r.is_invoice_basis
            OR f.invoice_id IS NOT NULL
            OR t.cycle_amount IS NULL
            OR (NOT s.is_proration AND ABS(s.amount - t.cycle_amount) > s.line_count)
        ))
    )
