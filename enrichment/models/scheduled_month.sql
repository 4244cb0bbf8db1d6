-- MRR that is set to end, by currency: of all accounts ('' as segment), and of those of each segment's value. What
-- was scheduled in the past is not known, so there is the running month only.
WITH placed AS (
    SELECT currency, '' AS segment, '' AS segment_value, scheduled_churn_mrr
    FROM account_money
    UNION ALL
    SELECT a.currency, g.segment, g.segment_value, a.scheduled_churn_mrr
    FROM account_money a
    INNER JOIN account_segments g ON g.account_id = a.account_id
)
SELECT
    (SELECT MAX(month) FROM months) AS month,
    currency,
    segment,
    segment_value,
    CAST(SUM(scheduled_churn_mrr) AS BIGINT) AS scheduled_churn_mrr
FROM placed
GROUP BY currency, segment, segment_value
