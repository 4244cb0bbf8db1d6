-- Invoice lines with when each was known: when its invoice was made, or, a proration, when Stripe noted it, which is
-- when its period begins: it only waits for its invoice. Nothing is known before its subscription was made.
SELECT
    l.*,
    CASE
        WHEN l.is_proration AND s.created_epoch IS NOT NULL
            THEN LEAST(COALESCE(i.created_epoch, l.period_start), GREATEST(l.period_start, s.created_epoch))
        ELSE COALESCE(i.created_epoch, l.period_start)
    END AS known_epoch
FROM stg_invoice_lines l
LEFT JOIN stg_invoices i ON i.invoice_id = l.invoice_id
LEFT JOIN stg_subscriptions s ON s.subscription_id = COALESCE(l.subscription_id, i.subscription_id)
