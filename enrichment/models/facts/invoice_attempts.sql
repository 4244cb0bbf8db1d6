-- Every charge on the invoices that Stripe tried more than once or that were not paid at the first try, with when its
-- refusal was known. Charges that name no payment intent of the invoice are told by customer, currency and amount.
WITH watched AS (
    SELECT
        invoice_id, customer_id, currency, amount_due, created_epoch, paid_epoch, payments,
        payments LIKE '%"payment_intent"%' AS names_intents
    FROM stg_invoices
    WHERE customer_id IS NOT NULL AND attempt_count > 0 AND (attempt_count > 1 OR paid_epoch IS NULL
        OR paid_epoch > due_from_epoch + 86400)
)
SELECT w.invoice_id, c.created_epoch, m.refused_epoch
FROM watched w
INNER JOIN stg_charges c
    ON c.customer_id = w.customer_id
    AND CASE
        WHEN w.names_intents THEN w.payments LIKE '%"' || c.payment_intent || '"%'
        ELSE c.currency = w.currency AND c.amount = w.amount_due
            AND c.created_epoch BETWEEN w.created_epoch AND COALESCE(w.paid_epoch, 4102444800)
    END
LEFT JOIN charge_methods m ON m.charge_id = c.charge_id
