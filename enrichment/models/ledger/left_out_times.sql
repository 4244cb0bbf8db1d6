-- Times in which a policy leaves a whole subscription out: past due longer than it allows, or paused where a pause
-- counts as churn. Epoch seconds, ends excluded; overlapping times are joined into one.
WITH past_due AS (
    SELECT
        i.subscription_id,
        i.due_from_epoch - MOD(i.due_from_epoch, 86400) * CASE WHEN r.past_due_days > 0 THEN 1 ELSE 0 END
            + CASE WHEN r.past_due_days > 0 THEN (r.past_due_days + 1) * 86400 ELSE 0 END AS starts,
        COALESCE(i.paid_epoch, r.forever) AS ends,
        'past_due' AS reason,
        i.invoice_id AS source_object
    FROM stg_invoices i
    CROSS JOIN ledger_rules r
    LEFT JOIN unpaid_invoices u ON u.invoice_id = i.invoice_id
    WHERE r.past_due_days IS NOT NULL
        AND i.subscription_id IS NOT NULL
        AND i.billing_reason <> 'subscription_create'
        AND (
            (i.status = 'paid' AND (i.attempt_count > 1 OR (i.has_due_date AND i.paid_epoch > i.due_from_epoch)))
            OR u.invoice_id IS NOT NULL
        )
),
paused AS (
    SELECT l.subscription_id, l.period_start, l.period_end, 'paused', l.invoice_id
    FROM odd_sales l
    CROSS JOIN ledger_rules r
    WHERE r.pause_is_churn AND l.is_set_aside
    UNION ALL
    SELECT s.subscription_id, COALESCE(e.created_epoch, r.as_of - 1), r.forever, 'paused', s.subscription_id
    FROM stg_subscriptions s
    CROSS JOIN ledger_rules r
    LEFT JOIN (
        SELECT subscription_id, MAX(created_epoch) AS created_epoch
        FROM stg_events
        WHERE changed_fields LIKE '%pause_collection%'
        GROUP BY subscription_id
    ) e ON e.subscription_id = s.subscription_id
    WHERE r.pause_is_churn AND s.is_collection_paused AND s.status IN ('active', 'past_due')
),
both_kinds AS (
    SELECT * FROM past_due WHERE ends > starts
    UNION ALL
    SELECT * FROM paused
),
reached AS (
    SELECT
        *,
        MAX(ends) OVER (
            PARTITION BY subscription_id ORDER BY starts, ends ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS before
    FROM both_kinds
),
islands AS (
    SELECT
        *,
        SUM(CASE WHEN before >= starts THEN 0 ELSE 1 END) OVER (
            PARTITION BY subscription_id ORDER BY starts, ends ROWS UNBOUNDED PRECEDING
        ) AS island
    FROM reached
)
SELECT
    subscription_id,
    MIN(starts) AS starts,
    MAX(ends) AS ends,
    MIN(reason) AS reason,
    MIN(source_object) AS source_object
FROM islands
GROUP BY subscription_id, island
