-- Accounts of which any reckoning must say the same: nothing but whole cycles at list price.
SELECT a.account_id
FROM items i INNER JOIN account_customers a ON a.customer_id = i.customer_id
GROUP BY a.account_id
HAVING COUNT(*) FILTER (
    coupon_id IS NOT NULL OR has_trial OR change_no IS NOT NULL OR state NOT IN ('well', 'past_due')
    OR plan_name IN ('tiered', 'metered') OR trouble >= 985) = 0
