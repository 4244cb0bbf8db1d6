-- The ledger in the reporting currency: foreign items by their values, all others as they are; accounts that cannot
-- be valued keep their native amounts alone.
SELECT
    f.account_id,
    f.customer_id,
    f.subscription_id,
    f.subscription_item_id,
    f.price_id,
    f.product_id,
    v.effective_at,
    f.currency,
    CASE WHEN v.is_month_end = 1 THEN CAST(0 AS BIGINT) ELSE f.mrr_change END AS mrr_change,
    f.mrr_after,
    CASE WHEN v.is_month_end = 1 THEN CAST(0 AS BIGINT) ELSE f.contract_mrr_change END AS contract_mrr_change,
    CASE WHEN v.is_month_end = 1 OR f.reason = 'renewed' THEN 'fx' ELSE f.reason END AS reason,
    CASE
        WHEN v.is_month_end = 1
            THEN 'fx_rates ' || f.currency || ' ' || CAST(CAST(v.effective_at AS DATE) AS VARCHAR)
        ELSE f.source_object
    END AS source_object,
    t.reporting_currency,
    v.reporting_change,
    v.fx_change,
    v.reporting_after,
    f.policy_hash
FROM fx_values v
INNER JOIN fx_rows f ON f.row_id = v.row_id
CROSS JOIN fx_target t
LEFT JOIN fx_unvalued u ON u.account_id = f.account_id
WHERE u.account_id IS NULL
    -- A renewal or a month's end at which the rate did nothing says nothing.
    AND (v.fx_change <> 0 OR (v.is_month_end = 0 AND f.reason <> 'renewed'))
UNION ALL
SELECT
    n.account_id,
    n.customer_id,
    n.subscription_id,
    n.subscription_item_id,
    n.price_id,
    n.product_id,
    n.effective_at,
    n.currency,
    n.mrr_change,
    n.mrr_after,
    n.contract_mrr_change,
    n.reason,
    n.source_object,
    CASE WHEN u.account_id IS NULL THEN t.reporting_currency END,
    CASE WHEN u.account_id IS NULL THEN n.mrr_change END,
    CASE WHEN u.account_id IS NULL THEN CAST(0 AS BIGINT) END,
    CASE WHEN u.account_id IS NULL THEN n.mrr_after END,
    n.policy_hash
FROM native_ledger n
CROSS JOIN fx_target t
LEFT JOIN fx_unvalued u ON u.account_id = n.account_id
WHERE n.reason <> 'renewed' AND (n.currency = t.reporting_currency OR u.account_id IS NOT NULL)
