-- MRR per account and currency (minor units): the ledger's sum, with what its items say of what comes next. place 1
-- is the account's own currency: the one in which most of its items have MRR, then most of its items, then the first
-- by the alphabet.
WITH ledger AS (
    SELECT account_id, currency, SUM(mrr_change) AS mrr, SUM(contract_mrr_change) AS contract_mrr
    FROM mrr_ledger
    WHERE currency IS NOT NULL
    GROUP BY account_id, currency
),
summed AS (
    SELECT
        account_id,
        currency,
        SUM(scheduled_churn_mrr) AS scheduled_churn_mrr,
        SUM(committed_mrr) AS committed_mrr,
        SUM(potential_trial_mrr) AS potential_trial_mrr,
        SUM(CASE WHEN mrr > 0 THEN 1 ELSE 0 END) AS counted_items,
        COUNT(*) AS items
    FROM subscription_items
    WHERE account_id IS NOT NULL AND currency IS NOT NULL
    GROUP BY account_id, currency
),
joined AS (
    SELECT
        COALESCE(l.account_id, s.account_id) AS account_id,
        COALESCE(l.currency, s.currency) AS currency,
        COALESCE(l.mrr, 0) AS mrr,
        COALESCE(l.contract_mrr, 0) AS contract_mrr,
        COALESCE(s.scheduled_churn_mrr, 0) AS scheduled_churn_mrr,
        COALESCE(s.committed_mrr, 0) AS committed_mrr,
        COALESCE(s.potential_trial_mrr, 0) AS potential_trial_mrr,
        COALESCE(s.counted_items, 0) AS counted_items,
        COALESCE(s.items, 0) AS items
    FROM ledger l
    FULL OUTER JOIN summed s ON s.account_id = l.account_id AND s.currency = l.currency
)
SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY account_id ORDER BY counted_items DESC, items DESC, currency) AS place
FROM joined
