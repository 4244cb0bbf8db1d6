-- Invoices and lines that the models cannot use, each with its reason.
SELECT 'stripe_invoices' AS stream, invoice_id AS id, 'The invoice has no customer.' AS reason
FROM stg_invoices
WHERE customer_id IS NULL AND is_issued
UNION ALL
SELECT
    'stripe_invoice_lines',
    l.line_id,
    CASE
        WHEN l.period_end IS NULL OR l.period_start IS NULL THEN 'The line has no service period.'
        WHEN l.period_end < l.period_start THEN 'The line ends before it begins.'
        ELSE 'Price ' || COALESCE(l.price_id, '(none)') || ' was not read.'
    END
FROM stg_invoice_lines l
LEFT JOIN stg_prices p ON p.price_id = l.price_id
WHERE l.amount <> 0
    AND (p.price_id IS NULL OR l.period_end IS NULL OR l.period_start IS NULL OR l.period_end < l.period_start)
