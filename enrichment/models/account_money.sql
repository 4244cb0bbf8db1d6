-- MRR per account and currency (minor units). place 1 is the account's own currency: the one in which most of
-- its items have MRR, then most of its items, then the first by the alphabet.
WITH summed AS (
    SELECT
        account_id,
        currency,
        SUM(mrr) AS mrr,
        SUM(contract_mrr) AS contract_mrr,
        SUM(scheduled_churn_mrr) AS scheduled_churn_mrr,
        SUM(committed_mrr) AS committed_mrr,
        SUM(potential_trial_mrr) AS potential_trial_mrr,
        SUM(CASE WHEN mrr > 0 THEN 1 ELSE 0 END) AS counted_items,
        COUNT(*) AS items
    FROM subscription_items
    WHERE account_id IS NOT NULL AND currency IS NOT NULL
    GROUP BY account_id, currency
)
SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY account_id ORDER BY counted_items DESC, items DESC, currency) AS place
FROM summed
