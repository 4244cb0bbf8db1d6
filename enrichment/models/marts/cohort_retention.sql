-- What is left of the accounts that had their first MRR in one month (per currency and valuation), k months later.
WITH changes AS (
    SELECT
        first_no,
        month_no,
        value_no,
        SUM(CASE WHEN mrr > 0 THEN 1 ELSE 0 END - CASE WHEN mrr_start > 0 THEN 1 ELSE 0 END) AS customers_change,
        SUM(mrr - mrr_start) AS mrr_change
    FROM account_changes
    WHERE first_no IS NOT NULL
    GROUP BY first_no, month_no, value_no
),
grid AS (
    SELECT o.first_no, n.month_no, o.value_no
    FROM (SELECT DISTINCT first_no, value_no FROM changes) o
    INNER JOIN month_numbers n ON n.month_no >= o.first_no
),
running AS (
    SELECT
        g.*,
        CAST(SUM(COALESCE(c.customers_change, 0)) OVER so_far AS BIGINT) AS customers,
        CAST(SUM(COALESCE(c.mrr_change, 0)) OVER so_far AS BIGINT) AS mrr
    FROM grid g
    LEFT JOIN changes c
        ON c.first_no = g.first_no
        AND c.month_no = g.month_no
        AND c.value_no = g.value_no
    WINDOW so_far AS (PARTITION BY g.first_no, g.value_no ORDER BY g.month_no)
)
SELECT
    n.month AS cohort,
    CAST(u.month_no - u.first_no AS BIGINT) AS k,
    x.currency,
    x.valuation,
    u.customers,
    u.mrr,
    FIRST_VALUE(u.customers) OVER so_far AS customers_0,
    FIRST_VALUE(u.mrr) OVER so_far AS mrr_0
FROM running u
INNER JOIN month_numbers n ON n.month_no = u.first_no
INNER JOIN valuations x ON x.value_no = u.value_no
WINDOW so_far AS (PARTITION BY u.first_no, u.value_no ORDER BY u.month_no)
