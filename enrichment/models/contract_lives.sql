-- From when until when a subscription made its customer a customer (epoch seconds): not before it was paid for the
-- first time or its trial was over, not after it ended, or was given up as unpaid where the policy says so.
WITH first_invoices AS (
    SELECT
        *,
        ROW_NUMBER() OVER (PARTITION BY subscription_id ORDER BY created_epoch, invoice_id) AS place
    FROM stg_invoices
    WHERE billing_reason = 'subscription_create' AND is_automatic
),
sold_in_trial AS (
    SELECT DISTINCT l.subscription_id
    FROM sold_lines l
    INNER JOIN stg_subscriptions s ON s.subscription_id = l.subscription_id
    WHERE s.trial_end_epoch IS NOT NULL AND l.period_start < s.trial_end_epoch AND NOT l.is_metered
),
sold_after_trial AS (
    SELECT l.subscription_id, MIN(l.period_start) AS first_sold
    FROM sold_lines l
    INNER JOIN stg_subscriptions s ON s.subscription_id = l.subscription_id
    WHERE s.trial_end_epoch IS NOT NULL
    GROUP BY l.subscription_id
),
first_paid AS (
    SELECT subscription_id, MIN(paid_epoch) AS paid_epoch
    FROM stg_invoices
    WHERE amount_due > 0 AND paid_epoch IS NOT NULL
    GROUP BY subscription_id
),
begun AS (
    SELECT
        s.*,
        CASE
            WHEN s.status IN ('incomplete', 'incomplete_expired') THEN NULL
            -- An incomplete subscription expires after 23 hours: one paid for later never was incomplete.
            -- One that was backdated counts from its start all the same.
            WHEN f.paid_epoch <= LEAST(f.created_epoch, s.start_epoch) + 86400 THEN GREATEST(f.paid_epoch, s.start_epoch)
            WHEN f.invoice_id IS NOT NULL AND f.paid_epoch IS NULL AND f.amount_due > 0 AND s.status = 'canceled'
                THEN NULL
            ELSE s.start_epoch
        END AS begins,
        t.subscription_id IS NULL AND s.trial_end_epoch IS NOT NULL AS has_trial,
        e.first_sold,
        p.paid_epoch
    FROM stg_subscriptions s
    LEFT JOIN first_invoices f ON f.subscription_id = s.subscription_id AND f.place = 1
    LEFT JOIN sold_in_trial t ON t.subscription_id = s.subscription_id
    LEFT JOIN sold_after_trial e ON e.subscription_id = s.subscription_id
    LEFT JOIN first_paid p ON p.subscription_id = s.subscription_id
)
SELECT
    b.subscription_id,
    b.customer_id,
    b.has_trial,
    CASE
        WHEN b.begins IS NULL OR (b.status = 'paused' AND b.has_trial AND b.first_sold IS NULL) THEN NULL
        WHEN NOT b.has_trial THEN b.begins
        WHEN r.trial_ends_when_paid
            THEN CASE WHEN b.paid_epoch IS NOT NULL THEN GREATEST(b.paid_epoch, b.trial_end_epoch) END
        -- A trial that ends without a payment method pauses the subscription until something is sold.
        ELSE GREATEST(b.begins, b.trial_end_epoch, COALESCE(b.first_sold, 0))
    END AS begins,
    LEAST(
        COALESCE(b.end_epoch, r.forever),
        COALESCE(CASE WHEN NOT r.counts_unpaid THEN u.since_epoch END, r.forever),
        COALESCE(CASE WHEN r.ends_at_request THEN b.cancel_request_epoch END, r.forever)
    ) AS ends,
    u.since_epoch AS unpaid_epoch,
    u.invoice_id AS unpaid_invoice
FROM begun b
CROSS JOIN ledger_rules r
LEFT JOIN unpaid_since u ON u.subscription_id = b.subscription_id AND u.place = 1
