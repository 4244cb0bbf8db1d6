-- Subscriptions as they stood at the instant. The status follows from what had happened by then: the end, the trial,
-- the invoices. A cancellation is known from when it was asked for; one that was taken back has left no trace.
WITH given_up AS (
    -- How often this account tries before it gives up shows in the subscriptions that are unpaid since.
    SELECT MIN(attempts) AS attempts
    FROM (
        SELECT MAX(i.attempt_count) AS attempts
        FROM stg_invoices i
        INNER JOIN present_stg_invoices p ON p.invoice_id = i.invoice_id
        INNER JOIN present_stg_subscriptions s ON s.subscription_id = i.subscription_id
        WHERE s.status = 'unpaid' AND i.status = 'open' AND i.is_automatic AND i.attempt_count > 1
        GROUP BY i.subscription_id
        HAVING MAX(i.attempt_count) = MAX(p.attempt_count)
    ) tried
),
billed AS (
    SELECT
        i.subscription_id,
        MAX(i.created_epoch) AS last_billed,
        MAX(CASE WHEN i.status = 'open' AND i.is_automatic AND i.refusals > 0 THEN i.attempt_count ELSE 0 END)
            AS attempts,
        MAX(
            CASE
                WHEN i.status <> 'open' OR i.amount_remaining = 0 THEN 0
                WHEN i.has_due_date AND i.due_from_epoch <= r.at_epoch THEN 1
                WHEN i.is_automatic AND (i.refusals > 0 OR i.attempt_count > 1) THEN 1
                ELSE 0
            END
        ) AS owes,
        MAX(
            CASE WHEN i.billing_reason = 'subscription_create' AND i.is_automatic AND i.amount_due > 0
                AND i.status = 'open' THEN 1 ELSE 0 END
        ) AS waits
    FROM stg_invoices i
    CROSS JOIN rewound_to r
    WHERE i.subscription_id IS NOT NULL
    GROUP BY i.subscription_id
),
last_invoices AS (
    SELECT i.subscription_id, MAX(CASE WHEN i.is_set_aside THEN 1 ELSE 0 END) AS set_aside, MAX(i.discounts) AS discounts
    FROM stg_invoices i
    INNER JOIN billed b ON b.subscription_id = i.subscription_id AND b.last_billed = i.created_epoch
    GROUP BY i.subscription_id
),
stood AS (
    SELECT
        s.*,
        r.at_epoch,
        CASE WHEN s.end_epoch <= r.at_epoch THEN s.end_epoch END AS ended_by,
        COALESCE(s.cancel_request_epoch <= r.at_epoch, FALSE) AS is_asked,
        b.last_billed,
        COALESCE(b.attempts, 0) AS attempts,
        COALESCE(b.owes, 0) AS owes,
        COALESCE(b.waits, 0) AS waits,
        COALESCE(l.set_aside, 0) = 1 AS was_set_aside,
        l.discounts AS billed_discounts
    FROM present_stg_subscriptions s
    CROSS JOIN rewound_to r
    LEFT JOIN billed b ON b.subscription_id = s.subscription_id
    LEFT JOIN last_invoices l ON l.subscription_id = s.subscription_id
    WHERE COALESCE(s.created_epoch, s.start_epoch) <= r.at_epoch
),
judged AS (
    SELECT
        s.*,
        CASE
            WHEN ended_by IS NOT NULL
                THEN CASE WHEN status = 'incomplete_expired' THEN status ELSE 'canceled' END
            WHEN trial_end_epoch > at_epoch AND trial_start_epoch <= at_epoch THEN 'trialing'
            WHEN waits = 1 AND created_epoch > at_epoch - 82800 THEN 'incomplete'
            WHEN trial_end_epoch <= at_epoch AND last_billed < trial_end_epoch - 3600 THEN 'paused'
            WHEN s.attempts >= g.attempts THEN 'unpaid'
            WHEN owes = 1 THEN 'past_due'
            ELSE 'active'
        END AS stood_as
    FROM stood s
    CROSS JOIN given_up g
)
SELECT
    subscription_id,
    customer_id,
    stood_as AS status,
    currency,
    created_epoch,
    start_epoch,
    trial_start_epoch,
    trial_end_epoch,
    ended_by AS end_epoch,
    CASE WHEN is_asked THEN cancel_request_epoch END AS cancel_request_epoch,
    started_at,
    trial_starts_at,
    trial_ends_at,
    CASE WHEN is_asked THEN COALESCE(cancels_at, ended_at) END AS cancels_at,
    CASE WHEN ended_by IS NOT NULL THEN ended_at END AS ended_at,
    is_asked AND (is_ending OR end_epoch > cancel_request_epoch) AS is_ending,
    was_set_aside AND stood_as = 'active' AS is_collection_paused,
    billed_discounts AS discounts,
    is_automatic,
    CAST(NULL AS VARCHAR) AS default_payment_method,
    CASE WHEN is_asked THEN cancellation_reason END AS cancellation_reason,
    tax_rates
FROM judged
