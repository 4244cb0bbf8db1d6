-- Issued invoices that should have been paid by now and are not: attempted and refused, or past their due date.
SELECT i.*, CAST(r.as_of AS DATE) - CAST(i.due_from AS DATE) AS days_past_due
FROM stg_invoices i
CROSS JOIN run_clock r
WHERE i.status = 'open'
    AND i.amount_remaining > 0
    AND i.due_from < r.as_of
    AND (i.attempt_count > 0 OR i.has_due_date)
