-- Since when a subscription is, or was until it was canceled, unpaid: its last attempt to collect failed.
WITH abandoned AS (
    SELECT s.subscription_id, i.invoice_id, i.customer_id, i.currency, i.amount_due, i.created_epoch, i.due_from_epoch,
        i.attempt_count
    FROM stg_subscriptions s
    INNER JOIN stg_invoices i ON i.subscription_id = s.subscription_id
    CROSS JOIN given_up g
    WHERE i.status = 'open' AND i.is_automatic AND NOT i.is_retried AND i.attempt_count > 0
        AND (s.status = 'unpaid' OR (s.status = 'canceled' AND i.attempt_count >= g.attempts))
),
refused AS (
    SELECT
        a.subscription_id,
        a.invoice_id,
        a.attempt_count,
        COALESCE(MAX(c.created_epoch), MIN(a.due_from_epoch)) AS since_epoch
    FROM abandoned a
    LEFT JOIN stg_charges c
        ON c.customer_id = a.customer_id AND c.currency = a.currency AND c.amount = a.amount_due
        AND c.status = 'failed' AND c.created_epoch >= a.created_epoch
    GROUP BY a.subscription_id, a.invoice_id, a.attempt_count
)
SELECT
    subscription_id,
    invoice_id,
    since_epoch,
    ROW_NUMBER() OVER (PARTITION BY subscription_id ORDER BY attempt_count DESC, since_epoch, invoice_id) AS place
FROM refused
