-- By how much each member's MRR changed in each month and currency: the only reading of the ledger's amounts.
-- reporting_change and fx_change are null for an account that lacks a rate. first_at, last_at: when MRR itself
-- changed first and last.
WITH ledger_rows AS (
    SELECT
        l.account_id,
        CASE r.grain
            WHEN 'account' THEN l.customer_id WHEN 'subscription' THEN l.subscription_id ELSE l.subscription_item_id
        END AS member_id,
        l.effective_at,
        l.currency,
        l.mrr_change,
        l.reporting_change,
        l.fx_change
    FROM mrr_ledger l
    CROSS JOIN mart_rules r
)
SELECT
    m.member_no,
    m.unit_no,
    n.month_no,
    l.currency,
    CAST(SUM(l.mrr_change) AS BIGINT) AS mrr_change,
    CAST(SUM(CASE WHEN m.lacks_rate = 0 THEN l.reporting_change END) AS BIGINT) AS reporting_change,
    CAST(SUM(CASE WHEN m.lacks_rate = 0 THEN l.fx_change END) AS BIGINT) AS fx_change,
    MIN(CASE WHEN l.mrr_change <> 0 THEN l.effective_at END) AS first_at,
    MAX(CASE WHEN l.mrr_change <> 0 THEN l.effective_at END) AS last_at
FROM ledger_rows l
INNER JOIN month_numbers n ON l.effective_at >= n.starts_at AND l.effective_at < n.seen_until
INNER JOIN unit_members m ON m.member_id = l.member_id AND m.account_id = l.account_id
GROUP BY m.member_no, m.unit_no, n.month_no, l.currency
