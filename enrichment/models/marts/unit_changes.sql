-- By how much each unit's MRR changed in each month and currency. first_at, last_at: when MRR itself changed
-- first and last. Where first_member and last_member differ, several members had a part in it.
SELECT
    unit_no,
    month_no,
    currency,
    CAST(SUM(mrr_change) AS BIGINT) AS mrr_change,
    CAST(SUM(reporting_change) AS BIGINT) AS reporting_change,
    CAST(SUM(fx_change) AS BIGINT) AS fx_change,
    MIN(CASE WHEN mrr_change <> 0 THEN effective_at END) AS first_at,
    MAX(CASE WHEN mrr_change <> 0 THEN effective_at END) AS last_at,
    MIN(member_no) AS first_member,
    MAX(member_no) AS last_member
FROM unit_ledger
GROUP BY unit_no, month_no, currency
