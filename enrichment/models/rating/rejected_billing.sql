-- Invoices and lines that the models cannot use, each with its reason. Lines of nothing are not worth a word.
SELECT 'stripe_invoices' AS stream, invoice_id AS id, 'The invoice has no customer.' AS reason
FROM stg_invoices
WHERE customer_id IS NULL AND is_issued
UNION ALL
SELECT 'stripe_invoice_lines', line_id, reason
FROM rejected_lines
WHERE amount IS NULL OR amount <> 0
UNION ALL
SELECT stream, id, reason FROM odd_dates
