-- The movements with their names.
SELECT
    n.month,
    m.account_id,
    COALESCE(c.customer_id, m.customer_id) AS customer_id,
    m.subscription_id,
    m.subscription_item_id,
    v.kind,
    v.amount,
    v.currency,
    v.valuation,
    r.policy_hash
FROM unit_movements v
INNER JOIN month_numbers n ON n.month_no = v.month_no
INNER JOIN unit_members m ON m.member_no = v.first_member
CROSS JOIN mart_rules r
LEFT JOIN movement_customers c
    ON c.unit_no = v.unit_no
    AND c.month_no = v.month_no
    AND c.currency = v.currency
    AND c.valuation = v.valuation
    AND c.kind = v.kind
