-- MRR before and after each month that changed it.
SELECT *,
    CAST(SUM(mrr_change) OVER w AS BIGINT) AS mrr,
    ROW_NUMBER() OVER w AS nth,
    COALESCE(LEAD(month_no) OVER w, $last + 1) AS next_no
FROM account_changes WHERE mrr_change <> 0
WINDOW w AS (PARTITION BY account_id, currency ORDER BY month_no)
