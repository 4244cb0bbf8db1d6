-- Invoices that were issued (no drafts, no voided ones). due_from: when the money should have been there.
SELECT
    id AS invoice_id,
    customer AS customer_id,
    (parent -> 'subscription_details') ->> 'subscription' AS subscription_id,
    status,
    LOWER(currency) AS currency,
    to_timestamp(created) AT TIME ZONE 'UTC' AS created_at,
    to_timestamp(
        COALESCE(due_date, CAST(status_transitions ->> 'finalized_at' AS BIGINT), created)
    ) AT TIME ZONE 'UTC' AS due_from,
    to_timestamp(CAST(status_transitions ->> 'paid_at' AS BIGINT)) AT TIME ZONE 'UTC' AS paid_at,
    due_date IS NOT NULL AS has_due_date,
    COALESCE(attempt_count, 0) AS attempt_count,
    next_payment_attempt IS NOT NULL AS is_retried,
    COALESCE(amount_paid, 0) AS amount_paid,
    COALESCE(amount_remaining, 0) AS amount_remaining,
    COALESCE(total, 0) AS total
FROM latest_stripe_invoices
WHERE status IN ('open', 'paid', 'uncollectible')
