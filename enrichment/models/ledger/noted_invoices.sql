-- Invoices that say more of their lines than that they were sold: voided or set aside, discounted, given back, or
-- the only ones to know their subscription. A few of all.
SELECT
    i.invoice_id,
    i.subscription_id,
    i.status,
    i.is_set_aside,
    i.created_epoch,
    COALESCE(i.discounts, '') AS shared_discounts
FROM stg_invoices i
LEFT JOIN refunded_invoices f ON f.invoice_id = i.invoice_id
LEFT JOIN (SELECT DISTINCT invoice_id FROM stg_invoice_lines WHERE subscription_id IS NULL) u
    ON u.invoice_id = i.invoice_id
WHERE i.status = 'void'
    OR i.is_set_aside
    OR i.discounts IS NOT NULL
    OR f.invoice_id IS NOT NULL
    OR u.invoice_id IS NOT NULL
