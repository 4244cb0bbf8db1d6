-- Trials that ended in each month, by currency: how many, how many turned active, how many led to a payment.
-- A trial ends on its last day, or when the subscription ends before that. It turned active when the
-- subscription outlived it (by an hour: Stripe may take seconds to cancel one without a payment method); one that
-- waits for a payment method (paused) did not.
WITH trials AS (
    SELECT
        s.subscription_id,
        s.currency,
        CASE WHEN s.ended_at < s.trial_ends_at THEN s.ended_at ELSE s.trial_ends_at END AS over_at,
        s.status IN ('active', 'past_due', 'unpaid') OR s.ended_at > s.trial_ends_at + INTERVAL '1 hour'
            AS is_active
    FROM stg_subscriptions s
    CROSS JOIN run_clock r
    WHERE s.trial_ends_at > s.trial_starts_at
        AND s.status <> 'trialing'
        AND (s.trial_ends_at <= r.as_of OR s.ended_at <= r.as_of)
),
paid AS (
    SELECT t.subscription_id
    FROM trials t
    INNER JOIN stg_invoices i ON i.subscription_id = t.subscription_id
    WHERE i.status = 'paid' AND i.amount_paid > 0 AND i.created_at >= t.over_at
    GROUP BY t.subscription_id
)
SELECT
    m.month,
    t.currency,
    COUNT(*) AS trials_ended,
    CAST(SUM(CASE WHEN t.is_active THEN 1 ELSE 0 END) AS BIGINT) AS trials_active,
    COUNT(p.subscription_id) AS trials_paid
FROM trials t
INNER JOIN months m ON t.over_at >= m.starts_at AND t.over_at < m.ends_at
LEFT JOIN paid p ON p.subscription_id = t.subscription_id
WHERE t.currency IS NOT NULL
GROUP BY m.month, t.currency
