-- As the staging model of this name leaves it, or the part before the ledger.
SELECT
    subscription_id, customer_id,
    CASE WHEN ended_at IS NOT NULL THEN 'canceled' WHEN state IN ('unpaid', 'past_due') THEN state
        ELSE 'active' END AS status,
    currency,
    CAST(epoch(anchor) AS BIGINT) - CASE WHEN has_trial THEN 14 * 86400 ELSE 0 END AS start_epoch,
    CASE WHEN has_trial THEN CAST(epoch(anchor) AS BIGINT) END AS trial_end_epoch,
    CAST(epoch(ended_at) AS BIGINT) AS end_epoch,
    CASE WHEN ended_at IS NOT NULL THEN CAST(epoch(ended_at) AS BIGINT) - 86400 END AS cancel_request_epoch,
    state = 'paused' AS is_collection_paused,
    CAST(NULL AS VARCHAR) AS tax_rates
FROM subs ORDER BY anchor
