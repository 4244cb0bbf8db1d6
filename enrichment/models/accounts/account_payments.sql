-- How each account pays: first payment, invoices within the window and how many went badly, what is unpaid now.
-- Of what is unpaid: the oldest invoice, and the number and total of those in its currency.
WITH judged AS (
    SELECT
        a.account_id,
        i.*,
        i.total > 0 AND i.due_from >= r.window_start AND i.due_from < r.as_of AS in_window,
        i.attempt_count > 1
            OR (i.status = 'uncollectible' AND i.attempt_count > 0)
            OR (u.invoice_id IS NOT NULL AND i.attempt_count > 0)
            -- Without a due date Stripe collects, and a direct debit takes up to 21 days: see unpaid_invoices.
            OR COALESCE(i.paid_at, r.as_of)
            > i.due_from + CASE WHEN i.has_due_date THEN r.late_days ELSE GREATEST(r.late_days, 21) END
            * INTERVAL '1 day' AS went_badly
    FROM stg_invoices i
    CROSS JOIN run_clock r
    LEFT JOIN unpaid_invoices u ON u.invoice_id = i.invoice_id
    INNER JOIN account_customers a ON a.customer_id = i.customer_id
    WHERE i.is_issued
),
paid AS (
    SELECT
        account_id,
        COUNT(*) AS invoices_ever,
        MIN(CASE WHEN status = 'paid' AND amount_paid > 0 THEN COALESCE(paid_at, created_at) END) AS first_paid_at,
        SUM(CASE WHEN in_window THEN 1 ELSE 0 END) AS invoices,
        SUM(CASE WHEN in_window AND went_badly THEN 1 ELSE 0 END) AS bad_invoices
    FROM judged
    GROUP BY account_id
),
open_now AS (
    SELECT
        a.account_id,
        u.invoice_id,
        u.currency,
        u.attempt_count,
        u.days_past_due,
        COUNT(*) OVER (PARTITION BY a.account_id, u.currency) AS open_invoices,
        CAST(SUM(u.amount_remaining) OVER (PARTITION BY a.account_id, u.currency) AS BIGINT) AS open_total,
        MAX(u.attempt_count) OVER (PARTITION BY a.account_id) AS most_attempts,
        ROW_NUMBER() OVER (PARTITION BY a.account_id ORDER BY u.days_past_due DESC, u.invoice_id) AS place
    FROM unpaid_invoices u
    INNER JOIN account_customers a ON a.customer_id = u.customer_id
)
SELECT
    p.account_id,
    p.first_paid_at,
    p.invoices_ever,
    p.invoices,
    p.bad_invoices,
    o.invoice_id AS open_invoice_id,
    o.currency AS open_currency,
    o.open_invoices,
    o.open_total,
    o.most_attempts,
    o.days_past_due
FROM paid p
LEFT JOIN open_now o ON o.account_id = p.account_id AND o.place = 1
