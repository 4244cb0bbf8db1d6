-- What the items say of today, by currency: before discounts, in trials, set to end. Of all accounts ('' as segment),
-- and of those of each segment's value. None of it is known of the past, so there is the running month only.
WITH placed AS (
    SELECT currency, '' AS segment, '' AS segment_value, contract_mrr, potential_trial_mrr, scheduled_churn_mrr
    FROM account_money
    UNION ALL
    SELECT
        a.currency, g.segment, g.segment_value, a.contract_mrr, a.potential_trial_mrr, a.scheduled_churn_mrr
    FROM account_money a
    INNER JOIN account_segments g ON g.account_id = a.account_id
)
SELECT
    (SELECT MAX(month) FROM months) AS month,
    currency,
    segment,
    segment_value,
    CAST(SUM(contract_mrr) AS BIGINT) AS contract_mrr,
    CAST(SUM(potential_trial_mrr) AS BIGINT) AS potential_trial_mrr,
    CAST(SUM(scheduled_churn_mrr) AS BIGINT) AS scheduled_churn_mrr
FROM placed
GROUP BY currency, segment, segment_value
