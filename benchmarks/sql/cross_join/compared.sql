-- Each month beside the one before.
SELECT *, COALESCE(LAG(mrr) OVER w, 0) AS mrr_start, MIN(CASE WHEN mrr > 0 THEN month_no END) OVER w AS first_no
FROM customer_months WINDOW w AS (PARTITION BY account_id, currency ORDER BY month_no)
