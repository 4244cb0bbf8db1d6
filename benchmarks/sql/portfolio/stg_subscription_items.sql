-- As the staging model of this name leaves it, or the part before the ledger.
SELECT
    item_id, subscription_id, price_id,
    CASE WHEN plan_name <> 'metered' THEN CAST(later_quantity AS VARCHAR) END AS quantity,
    CAST(epoch(anchor) AS BIGINT) AS created_epoch,
    CAST(epoch(last_start) AS BIGINT) AS period_start_epoch,
    CAST(NULL AS VARCHAR) AS tax_rates
FROM items ORDER BY anchor
