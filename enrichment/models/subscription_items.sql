-- Every subscription item with today's MRR, why it is left out if it is, and how it came about.
SELECT
    a.account_id,
    s.customer_id,
    i.subscription_id,
    i.item_id,
    i.price_id,
    p.product_id,
    COALESCE(d.product_name, p.product_id) AS product_name,
    s.status,
    s.currency,
    i.quantity,
    r.price_interval,
    r.interval_count,
    r.metered,
    r.contract_mrr,
    r.mrr,
    r.potential_trial_mrr,
    r.scheduled_churn_mrr,
    r.committed_mrr,
    r.excluded_reason,
    r.policy_key,
    COALESCE(i.discounts, s.discounts) AS discounts,
    i.period_ends_at,
    CASE WHEN s.is_ending THEN COALESCE(s.cancels_at, i.period_ends_at) END AS ends_at,
    e.explanation,
    k.policy_hash
FROM stg_subscription_items i
INNER JOIN item_rates r ON r.item_id = i.item_id
INNER JOIN item_explanations e ON e.explanation_no = r.explanation_no
CROSS JOIN run_clock k
LEFT JOIN stg_subscriptions s ON s.subscription_id = i.subscription_id
LEFT JOIN account_customers a ON a.customer_id = s.customer_id
LEFT JOIN stg_prices p ON p.price_id = i.price_id
LEFT JOIN stg_products d ON d.product_id = p.product_id
