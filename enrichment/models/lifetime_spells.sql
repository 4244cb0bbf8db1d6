-- The times in which an account had MRR (spells), as month numbers: 12 x year + month. began: first month end
-- with MRR. ended: month end without it; null while it goes on. resumed: when the next spell began.
-- months_before: months with MRR before this spell. Where it ended without churn (paused, free), has_churned is 0.
WITH edges AS (
    SELECT
        account_id,
        currency,
        valuation,
        12 * CAST(SUBSTR(month, 1, 4) AS INTEGER) + CAST(SUBSTR(month, 6, 2) AS INTEGER) AS month_no,
        mrr > 0 AS begins,
        CASE WHEN churned_mrr > 0 THEN 1 ELSE 0 END AS has_churned
    FROM account_month
    -- A spell begins where there was nothing before and ends where nothing is left.
    WHERE (mrr_start = 0) <> (mrr = 0)
),
paired AS (
    SELECT
        *,
        LEAD(month_no) OVER account_edges AS ended,
        LEAD(month_no, 2) OVER account_edges AS resumed,
        LEAD(has_churned) OVER account_edges AS ended_in_churn
    FROM edges
    WINDOW account_edges AS (PARTITION BY account_id, currency, valuation ORDER BY month_no)
)
SELECT
    account_id,
    currency,
    valuation,
    month_no AS began,
    ended,
    resumed,
    CAST(
        COALESCE(SUM(ended - month_no) OVER (
            PARTITION BY account_id, currency, valuation ORDER BY month_no
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ), 0) AS INTEGER
    ) AS months_before,
    COALESCE(ended_in_churn, 0) AS has_churned
FROM paired
WHERE begins
