-- Every subscription item with its MRR as the ledger has it, why it is left out if it is, and how it came about.
WITH ledger AS (
    SELECT subscription_item_id, SUM(mrr_change) AS mrr, SUM(contract_mrr_change) AS contract_mrr
    FROM mrr_ledger
    GROUP BY subscription_item_id
),
amounts AS (
    SELECT
        r.item_id,
        CAST(COALESCE(l.contract_mrr, 0) AS BIGINT) AS contract_mrr,
        CAST(COALESCE(l.mrr, 0) AS BIGINT) AS mrr,
        CASE
            WHEN r.excluded_reason = 'cancellation_requested' THEN r.scheduled_churn_mrr
            WHEN s.is_ending THEN CAST(COALESCE(l.mrr, 0) AS BIGINT)
            ELSE 0
        END AS scheduled_churn_mrr
    FROM item_rates r
    INNER JOIN stg_subscription_items i ON i.item_id = r.item_id
    LEFT JOIN stg_subscriptions s ON s.subscription_id = i.subscription_id
    LEFT JOIN ledger l ON l.subscription_item_id = r.item_id
)
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
    m.contract_mrr,
    m.mrr,
    r.potential_trial_mrr,
    m.scheduled_churn_mrr,
    CASE WHEN s.is_ending THEN 0 ELSE m.mrr END AS committed_mrr,
    CASE WHEN m.mrr = 0 THEN r.excluded_reason END AS excluded_reason,
    CASE WHEN m.mrr = 0 THEN r.policy_key END AS policy_key,
    COALESCE(i.discounts, s.discounts) AS discounts,
    i.period_ends_at,
    CASE WHEN s.is_ending THEN COALESCE(s.cancels_at, i.period_ends_at) END AS ends_at,
    e.explanation,
    k.policy_hash
FROM stg_subscription_items i
INNER JOIN item_rates r ON r.item_id = i.item_id
INNER JOIN amounts m ON m.item_id = i.item_id
INNER JOIN item_explanations e ON e.explanation_no = r.explanation_no
CROSS JOIN run_clock k
LEFT JOIN stg_subscriptions s ON s.subscription_id = i.subscription_id
LEFT JOIN account_customers a ON a.customer_id = s.customer_id
LEFT JOIN stg_prices p ON p.price_id = i.price_id
LEFT JOIN stg_products d ON d.product_id = p.product_id
