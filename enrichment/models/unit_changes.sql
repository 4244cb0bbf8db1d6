-- The members' changes summed by unit. Where first_member and last_member differ, several had a part in it.
SELECT
    unit_no,
    month_no,
    currency,
    CAST(SUM(mrr_change) AS BIGINT) AS mrr_change,
    CAST(SUM(reporting_change) AS BIGINT) AS reporting_change,
    CAST(SUM(fx_change) AS BIGINT) AS fx_change,
    MIN(first_at) AS first_at,
    MAX(last_at) AS last_at,
    MIN(member_no) AS first_member,
    MAX(member_no) AS last_member
FROM member_changes
GROUP BY unit_no, month_no, currency
