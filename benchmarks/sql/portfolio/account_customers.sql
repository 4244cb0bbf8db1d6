-- As the staging model of this name leaves it, or the part before the ledger.
SELECT DISTINCT customer_id, COALESCE('company_' || CASE WHEN customer_no % 50 < 2 THEN customer_no // 50 END,
    customer_id) AS account_id
FROM subs
