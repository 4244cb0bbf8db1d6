-- Invoices as they were at the instant: what was final, paid, voided or given up by then, and how often tried. Money
-- given back later has no date here: it is not known at any past instant. Nor is it known that another attempt follows,
-- but after a first refusal Stripe always tries again, unless it was the very first invoice or the subscription ended.
WITH tried AS (
    SELECT
        a.invoice_id,
        COUNT(*) AS charges,
        SUM(CASE WHEN a.created_epoch <= r.at_epoch THEN 1 ELSE 0 END) AS attempts,
        SUM(CASE WHEN a.refused_epoch <= r.at_epoch THEN 1 ELSE 0 END) AS refusals
    FROM invoice_attempts a
    CROSS JOIN rewound_to r
    GROUP BY a.invoice_id
),
stood AS (
    SELECT
        i.invoice_id, i.customer_id, i.subscription_id, i.status, i.billing_reason, i.is_automatic, i.currency,
        i.created_epoch, i.created_at, i.due_from_epoch, i.due_from, i.finalized_epoch, i.is_advancing, i.paid_epoch,
        i.paid_at, i.has_due_date, i.attempt_count, i.amount_due, i.amount_paid, i.total, i.discounts,
        r.at_epoch,
        COALESCE(t.refusals, 0) AS refusals,
        t.charges,
        t.attempts,
        s.end_epoch <= r.at_epoch AS has_ended,
        CASE WHEN i.paid_epoch <= r.at_epoch THEN i.paid_epoch END AS paid_by,
        CASE WHEN i.finalized_epoch <= r.at_epoch THEN i.finalized_epoch END AS final_by,
        CASE WHEN i.voided_epoch <= r.at_epoch THEN i.voided_epoch END AS voided_by,
        CASE WHEN i.uncollectible_epoch <= r.at_epoch THEN i.uncollectible_epoch END AS given_up_by
    FROM present_stg_invoices i
    CROSS JOIN rewound_to r
    LEFT JOIN tried t ON t.invoice_id = i.invoice_id
    LEFT JOIN present_stg_subscriptions s ON s.subscription_id = i.subscription_id
    WHERE i.created_epoch <= r.at_epoch
),
counted AS (
    SELECT
        *,
        CASE
            WHEN paid_by IS NOT NULL OR (status = 'paid' AND paid_epoch IS NULL) THEN 'paid'
            WHEN voided_by IS NOT NULL THEN 'void'
            WHEN given_up_by IS NOT NULL THEN 'uncollectible'
            WHEN status = 'draft' OR (finalized_epoch IS NOT NULL AND final_by IS NULL) THEN 'draft'
            ELSE 'open'
        END AS stood_as,
        CASE
            WHEN paid_by IS NOT NULL THEN attempt_count
            WHEN finalized_epoch IS NOT NULL AND final_by IS NULL THEN 0
            WHEN charges IS NOT NULL THEN LEAST(attempt_count, attempts)
            WHEN has_due_date THEN 0
            ELSE LEAST(attempt_count, 1)
        END AS tries
    FROM stood
)
SELECT
    invoice_id,
    customer_id,
    subscription_id,
    stood_as AS status,
    stood_as IN ('open', 'paid', 'uncollectible') AS is_issued,
    tries = 0
        AND (
            (
                stood_as = 'draft'
                AND CASE
                    WHEN finalized_epoch IS NULL THEN NOT is_advancing ELSE created_epoch < at_epoch - 86400
                END
            )
            OR (
                stood_as IN ('void', 'uncollectible')
                AND COALESCE(LEAST(voided_by, given_up_by) - finalized_epoch, 0) <= 86400
            )
        )
        AS is_set_aside,
    billing_reason,
    is_automatic,
    currency,
    created_epoch,
    created_at,
    due_from_epoch,
    due_from,
    final_by AS finalized_epoch,
    voided_by AS voided_epoch,
    given_up_by AS uncollectible_epoch,
    is_advancing,
    paid_by AS paid_epoch,
    CASE WHEN paid_by IS NOT NULL THEN paid_at END AS paid_at,
    has_due_date,
    tries AS attempt_count,
    stood_as = 'open' AND is_automatic AND tries = 1 AND refusals = 1
        AND billing_reason IS DISTINCT FROM 'subscription_create' AND NOT COALESCE(has_ended, FALSE)
        AS is_retried,
    amount_due,
    CASE WHEN stood_as = 'paid' THEN amount_paid ELSE 0 END AS amount_paid,
    CASE WHEN stood_as IN ('paid', 'void') THEN 0 ELSE amount_due END AS amount_remaining,
    total,
    0 AS credited_amount,
    CAST(NULL AS VARCHAR) AS payments,
    discounts,
    refusals
FROM counted
