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
        CASE WHEN mrr = 0 AND churned_mrr > 0 THEN 1 ELSE 0 END AS has_churned
    FROM account_month
    -- A spell begins where there was nothing before and ends where nothing is left.
    WHERE (mrr_start = 0) <> (mrr = 0)
),
lives AS (
    SELECT
        account_id,
        currency,
        valuation,
        COUNT(*) AS edge_count,
        MIN(month_no) AS first_no,
        MAX(month_no) AS last_no,
        MAX(has_churned) AS has_churned
    FROM edges
    GROUP BY account_id, currency, valuation
),
-- Few come back; only they need their edges in order, which costs more than all the rest.
paired AS (
    SELECT
        e.*,
        LEAD(e.month_no) OVER by_month AS ended,
        LEAD(e.month_no, 2) OVER by_month AS resumed,
        LEAD(e.has_churned) OVER by_month AS ended_in_churn,
        -- Each spell before adds its end and takes its begin away.
        SUM(CASE WHEN e.begins THEN -e.month_no ELSE e.month_no END) OVER by_month
        + CASE WHEN e.begins THEN e.month_no ELSE 0 END AS months_before
    FROM edges e
    INNER JOIN lives l
        ON l.account_id = e.account_id
        AND l.currency = e.currency
        AND l.valuation = e.valuation
        AND l.edge_count > 2
    WINDOW by_month AS (PARTITION BY e.account_id, e.currency, e.valuation ORDER BY e.month_no)
)
SELECT
    account_id,
    currency,
    valuation,
    first_no AS began,
    CASE WHEN edge_count = 2 THEN last_no END AS ended,
    CAST(NULL AS INTEGER) AS resumed,
    0 AS months_before,
    has_churned
FROM lives
WHERE edge_count <= 2
UNION ALL
SELECT
    account_id,
    currency,
    valuation,
    month_no,
    ended,
    resumed,
    CAST(months_before AS INTEGER),
    COALESCE(ended_in_churn, 0)
FROM paired
WHERE begins
