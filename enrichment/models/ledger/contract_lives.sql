-- From when until when a subscription made its customer a customer (epoch seconds): not before it was paid for the
-- first time or its trial was over, not after it ended, or was given up as unpaid where the policy says so.
WITH first_invoices AS (
    SELECT
        subscription_id,
        invoice_id,
        created_epoch,
        paid_epoch,
        amount_due,
        ROW_NUMBER() OVER (PARTITION BY subscription_id ORDER BY created_epoch, invoice_id) AS place
    FROM stg_invoices
    WHERE billing_reason = 'subscription_create' AND is_automatic
),
first_paid AS (
    SELECT i.subscription_id, MIN(i.paid_epoch) AS paid_epoch
    FROM stg_invoices i
    INNER JOIN (
        SELECT s.subscription_id
        FROM stg_subscriptions s
        CROSS JOIN ledger_rules r
        WHERE r.trial_ends_when_paid AND s.trial_end_epoch IS NOT NULL
    ) t ON t.subscription_id = i.subscription_id
    WHERE i.amount_due > 0 AND i.paid_epoch IS NOT NULL
    GROUP BY i.subscription_id
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
        s.trial_end_epoch IS NOT NULL AND COALESCE(e.first_licensed >= s.trial_end_epoch, TRUE) AS has_trial,
        e.first_sold,
        p.paid_epoch
    FROM stg_subscriptions s
    LEFT JOIN first_invoices f ON f.subscription_id = s.subscription_id AND f.place = 1
    LEFT JOIN first_sales e ON e.subscription_id = s.subscription_id
    LEFT JOIN first_paid p ON p.subscription_id = s.subscription_id
)
SELECT
    b.subscription_id,
    b.customer_id,
    b.has_trial,
    b.first_sold,
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
