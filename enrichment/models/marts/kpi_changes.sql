-- The movements of all accounts, and of those of each segment's value; '' stands for all.
WITH groups AS (
    SELECT m.account_no, s.segment, s.segment_value
    FROM unit_members m
    INNER JOIN account_segments s ON s.account_id = m.account_id
    WHERE m.member_no = m.account_no
),
grouped AS (
    SELECT c.*, '' AS segment, '' AS segment_value FROM account_changes c
    UNION ALL
    SELECT c.*, g.segment, g.segment_value
    FROM account_changes c
    INNER JOIN groups g ON g.account_no = c.account_no
)
SELECT
    g.month_no,
    x.currency,
    x.valuation,
    g.segment,
    g.segment_value,
    SUM(new_mrr) AS new_mrr,
    SUM(expansion_mrr) AS expansion_mrr,
    SUM(contraction_mrr) AS contraction_mrr,
    SUM(churned_mrr) AS churned_mrr,
    SUM(reactivation_mrr) AS reactivation_mrr,
    SUM(fx_mrr) AS fx_mrr,
    SUM(mrr - mrr_start) AS mrr_change,
    SUM(CASE WHEN mrr > 0 THEN 1 ELSE 0 END - CASE WHEN mrr_start > 0 THEN 1 ELSE 0 END) AS customers_change,
    SUM(CASE WHEN new_mrr > 0 THEN 1 ELSE 0 END) AS new_customers,
    SUM(CASE WHEN churned_mrr > 0 THEN 1 ELSE 0 END) AS lost_customers,
    SUM(CASE WHEN reactivation_mrr > 0 THEN 1 ELSE 0 END) AS reactivated_customers
FROM grouped g
INNER JOIN valuations x ON x.value_no = g.value_no
GROUP BY g.month_no, x.currency, x.valuation, g.segment, g.segment_value
