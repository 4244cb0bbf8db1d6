-- Issued invoices that should have been paid by now and are not: past their due date, or attempted and refused.
-- A direct debit is attempted once and then takes up to 14 business days to be settled, its subscription active
-- meanwhile: one attempt alone is no refusal before these 21 days are over.
SELECT i.*, CAST(r.as_of AS DATE) - CAST(i.due_from AS DATE) AS days_past_due
FROM stg_invoices i
CROSS JOIN run_clock r
LEFT JOIN stg_subscriptions s ON s.subscription_id = i.subscription_id
WHERE i.status = 'open'
    AND i.amount_remaining > 0
    AND i.due_from < r.as_of
    AND (
        i.has_due_date
        OR i.attempt_count > 1
        OR (
            i.attempt_count = 1
            AND (
                i.is_retried
                OR s.status NOT IN ('active', 'trialing')
                OR i.due_from < r.as_of - INTERVAL '21 days'
            )
        )
    )
