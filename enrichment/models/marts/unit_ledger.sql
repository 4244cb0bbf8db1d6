-- The ledger in numbers: which member, which month. reporting_change and fx_change are null for an account that
-- lacks a rate.
WITH spans AS (
    -- A month of the policy's zone touches at most two months of UTC, and equal months are quickly found.
    SELECT month_no, starts_at, seen_until, date_trunc('month', starts_at) AS utc_month FROM month_numbers
    UNION
    SELECT month_no, starts_at, seen_until, date_trunc('month', seen_until) FROM month_numbers
),
named AS (
    SELECT
        l.*,
        CASE r.grain
            WHEN 'account' THEN l.customer_id WHEN 'subscription' THEN l.subscription_id ELSE l.subscription_item_id
        END AS member_id
    FROM mrr_ledger l
    CROSS JOIN mart_rules r
)
SELECT
    m.member_no,
    m.unit_no,
    n.month_no,
    l.effective_at,
    l.currency,
    l.reporting_currency,
    l.mrr_change,
    CASE WHEN m.lacks_rate = 0 THEN l.reporting_change END AS reporting_change,
    CASE WHEN m.lacks_rate = 0 THEN l.fx_change END AS fx_change
FROM named l
INNER JOIN spans n
    ON n.utc_month = date_trunc('month', l.effective_at)
    AND n.starts_at <= l.effective_at
    AND n.seen_until > l.effective_at
INNER JOIN unit_members m ON m.member_id = l.member_id AND m.account_id = l.account_id
