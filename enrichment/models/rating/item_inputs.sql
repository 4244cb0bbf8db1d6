-- One row per subscription item with all that decides its MRR. Texts are empty where Stripe has nothing.
WITH late AS (
    SELECT subscription_id, MAX(days_past_due) AS days_past_due
    FROM unpaid_invoices
    GROUP BY subscription_id
),
paid AS (
    SELECT DISTINCT subscription_id
    FROM stg_invoices
    WHERE amount_due > 0 AND paid_epoch IS NOT NULL AND subscription_id IS NOT NULL
)
SELECT
    i.item_id,
    COALESCE(i.subscription_id, '') AS subscription_id,
    COALESCE(s.customer_id, '') AS customer_id,
    COALESCE(i.price_id, '') AS price_id,
    COALESCE(i.quantity, '') AS quantity,
    COALESCE(s.currency, '') AS currency,
    COALESCE(s.status, '') AS status,
    COALESCE(s.is_collection_paused, FALSE) AS collection_paused,
    COALESCE(s.is_ending, FALSE) AS ending,
    COALESCE(l.days_past_due, 0) AS past_due_days,
    s.trial_end_epoch IS NOT NULL AND p.subscription_id IS NULL AS awaits_payment,
    COALESCE(i.period_start_epoch, 0) AS period_start,
    COALESCE(i.discounts, '') AS item_discounts,
    COALESCE(s.discounts, '') AS subscription_discounts,
    COALESCE(c.discount, '') AS customer_discount,
    COALESCE(i.tax_rates, s.tax_rates, '') AS tax_rates
FROM stg_subscription_items i
LEFT JOIN stg_subscriptions s ON s.subscription_id = i.subscription_id
LEFT JOIN stg_customers c ON c.customer_id = s.customer_id
LEFT JOIN late l ON l.subscription_id = i.subscription_id
LEFT JOIN paid p ON p.subscription_id = i.subscription_id
