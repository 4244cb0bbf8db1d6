-- Of one month, as the staging model of this name leaves it.
SELECT
    invoice_id, customer_id, subscription_id, status, status <> 'void' AS is_issued,
    status = 'void' AND attempts = 0 AS is_set_aside,
    CASE WHEN no = 0 AND NOT has_trial OR no = -1 THEN 'subscription_create' ELSE 'subscription_cycle'
        END AS billing_reason,
    TRUE AS is_automatic, currency, created_epoch, created_epoch + 3600 AS due_from_epoch,
    starts_at + INTERVAL 1 HOUR AS due_from,
    CASE WHEN status = 'paid' THEN created_epoch + CASE WHEN attempts > 1 THEN 259200 ELSE 0 END
        END AS paid_epoch,
    FALSE AS has_due_date, attempts AS attempt_count, status = 'open' AND state = 'past_due' AS is_retried,
    due AS amount_due, CASE WHEN status = 'open' THEN due ELSE 0 END AS amount_remaining, due AS total, 0::BIGINT AS credited_amount, CAST(NULL AS VARCHAR) AS payments,
    CASE WHEN coupon_id IS NOT NULL THEN '["' || discount_id || '"]' END AS discounts
FROM (
    SELECT p.*, CAST(epoch(starts_at) AS BIGINT) AS created_epoch,
        CASE WHEN no = -1 THEN 0 ELSE 2900 END::BIGINT AS due,
        CASE
            WHEN state = 'unpaid' AND no = periods - 1 THEN 'open'
            WHEN state = 'past_due' AND no = periods - 1 THEN 'open'
            WHEN state = 'paused' AND no >= periods - 2 THEN 'void'
            WHEN trouble >= 985 AND no = 1 THEN 'void'
            ELSE 'paid' END AS status,
        CASE
            WHEN state = 'unpaid' AND no = periods - 1 THEN 4
            WHEN state = 'past_due' AND no = periods - 1 THEN 2
            WHEN state = 'paused' AND no >= periods - 2 THEN 0
            WHEN h(i * 50 + no, 20) < 30 THEN 2
            ELSE 1 END::BIGINT AS attempts
    FROM periods p
) ORDER BY created_epoch
