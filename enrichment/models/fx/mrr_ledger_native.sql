-- The ledger without a reporting currency: renewals, which exist only to be revalued, are left out.
SELECT
    account_id,
    customer_id,
    subscription_id,
    subscription_item_id,
    price_id,
    product_id,
    effective_at,
    currency,
    mrr_change,
    mrr_after,
    contract_mrr_change,
    reason,
    source_object,
    CAST(NULL AS VARCHAR) AS reporting_currency,
    CAST(NULL AS BIGINT) AS reporting_change,
    CAST(NULL AS BIGINT) AS fx_change,
    CAST(NULL AS BIGINT) AS reporting_after,
    policy_hash
FROM native_ledger
WHERE reason <> 'renewed'
