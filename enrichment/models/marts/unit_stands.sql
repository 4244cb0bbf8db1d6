-- Where each unit stood before and after each month that changed it, in all currencies: the sum of different
-- currencies means nothing but that it is 0 when all of them are. nth: 1 when the unit never had MRR before.
-- left_at: the last change before this month, so the instant of leaving when the unit stood at 0.
WITH by_month AS (
    SELECT
        unit_no,
        month_no,
        SUM(mrr_change) AS mrr_change,
        MAX(CASE WHEN mrr_change > 0 THEN 1 ELSE 0 END) AS rises,
        MAX(CASE WHEN mrr_change < 0 THEN 1 ELSE 0 END) AS falls,
        MIN(first_at) AS first_at,
        MAX(last_at) AS last_at
    FROM unit_changes
    GROUP BY unit_no, month_no
),
visited AS (
    SELECT unit_no, month_no FROM visits GROUP BY unit_no, month_no
),
counted AS (
    SELECT b.*
    FROM by_month b
    LEFT JOIN visited v ON v.unit_no = b.unit_no AND v.month_no = b.month_no
    WHERE b.rises + b.falls > 0 OR v.unit_no IS NOT NULL
)
SELECT
    unit_no,
    month_no,
    rises,
    falls,
    CAST(SUM(mrr_change) OVER so_far - mrr_change AS BIGINT) AS stood,
    CAST(SUM(mrr_change) OVER so_far AS BIGINT) AS stands,
    ROW_NUMBER() OVER so_far AS nth,
    first_at,
    LAG(last_at) OVER so_far AS left_at
FROM counted
WINDOW so_far AS (PARTITION BY unit_no ORDER BY month_no)
