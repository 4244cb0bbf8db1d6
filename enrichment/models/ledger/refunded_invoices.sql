-- Invoices of which money was given back, by credit note or by refunding a charge (a credit note may do both at once).
SELECT
    i.invoice_id,
    MAX(i.total) AS total,
    CAST(GREATEST(MAX(i.credited_amount), COALESCE(SUM(c.amount_refunded), 0)) AS BIGINT) AS refunded
FROM stg_invoices i
CROSS JOIN ledger_rules r
LEFT JOIN stg_charges c
    ON c.customer_id = i.customer_id AND c.amount_refunded > 0
    AND i.payments LIKE '%"' || c.payment_intent || '"%'
WHERE r.refunds <> 'ignore' AND i.total > 0 AND (i.credited_amount > 0 OR c.charge_id IS NOT NULL)
GROUP BY i.invoice_id
