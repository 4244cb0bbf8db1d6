-- Invoices of every status. is_issued: neither a draft nor voided. due_from: when the money should have been there.
-- is_set_aside: never meant to be collected, which is how Stripe bills while collection is paused: given up as soon as
-- it was made. An invoice that was sent, and voided or written off when nobody paid, is another matter.
WITH dated AS (
    SELECT
        *,
        CAST(status_transitions ->> 'finalized_at' AS BIGINT) AS finalized_at,
        CAST(status_transitions ->> 'paid_at' AS BIGINT) AS paid_at,
        CAST(status_transitions ->> 'voided_at' AS BIGINT) AS voided_epoch,
        CAST(status_transitions ->> 'marked_uncollectible_at' AS BIGINT) AS uncollectible_epoch
    FROM latest_stripe_invoices
),
plausible AS (
    SELECT
        *,
        CASE WHEN finalized_at BETWEEN 0 AND 4102444800 THEN finalized_at END AS finalized_epoch,
        CASE WHEN paid_at BETWEEN 0 AND 4102444800 THEN paid_at END AS paid_epoch
    FROM dated
)
SELECT
    id AS invoice_id,
    customer AS customer_id,
    (parent -> 'subscription_details') ->> 'subscription' AS subscription_id,
    status,
    status IN ('open', 'paid', 'uncollectible') AS is_issued,
    COALESCE(attempt_count, 0) = 0
        AND (
            (status = 'draft' AND NOT COALESCE(auto_advance, TRUE))
            OR (status IN ('void', 'uncollectible') AND COALESCE(LEAST(voided_epoch, uncollectible_epoch) - finalized_at, 0) <= 86400)
        )
        AS is_set_aside,
    billing_reason,
    COALESCE(collection_method, '') <> 'send_invoice' AS is_automatic,
    LOWER(currency) AS currency,
    created AS created_epoch,
    to_timestamp(created) AT TIME ZONE 'UTC' AS created_at,
    COALESCE(due_date, finalized_epoch, created) AS due_from_epoch,
    to_timestamp(
        COALESCE(due_date, finalized_epoch, created)
    ) AT TIME ZONE 'UTC' AS due_from,
    finalized_epoch,
    voided_epoch,
    uncollectible_epoch,
    COALESCE(auto_advance, TRUE) AS is_advancing,
    paid_epoch,
    to_timestamp(paid_epoch) AT TIME ZONE 'UTC' AS paid_at,
    due_date IS NOT NULL AS has_due_date,
    COALESCE(attempt_count, 0) AS attempt_count,
    next_payment_attempt IS NOT NULL AS is_retried,
    COALESCE(amount_due, 0) AS amount_due,
    COALESCE(amount_paid, 0) AS amount_paid,
    COALESCE(amount_remaining, 0) AS amount_remaining,
    COALESCE(total, 0) AS total,
    COALESCE(post_payment_credit_notes_amount, 0) AS credited_amount,
    CAST(payments AS VARCHAR) AS payments,
    NULLIF(NULLIF(CAST(discounts AS VARCHAR), '[]'), 'null') AS discounts
FROM plausible
