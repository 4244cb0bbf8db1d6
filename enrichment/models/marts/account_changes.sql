-- The movements of each account in the months that have any, and the MRR before and after. next_no: the account's
-- next such month, one past the last month when there is none. first_no: the first month at whose end it had MRR.
WITH summed AS (
    SELECT
        m.account_no,
        x.value_no,
        v.month_no,
        CAST(SUM(CASE WHEN v.kind = 'new' THEN v.amount ELSE 0 END) AS BIGINT) AS new_mrr,
        CAST(SUM(CASE WHEN v.kind = 'expansion' THEN v.amount ELSE 0 END) AS BIGINT) AS expansion_mrr,
        CAST(SUM(CASE WHEN v.kind = 'contraction' THEN v.amount ELSE 0 END) AS BIGINT) AS contraction_mrr,
        CAST(SUM(CASE WHEN v.kind = 'churn' THEN v.amount ELSE 0 END) AS BIGINT) AS churned_mrr,
        CAST(SUM(CASE WHEN v.kind = 'reactivation' THEN v.amount ELSE 0 END) AS BIGINT) AS reactivation_mrr,
        CAST(SUM(CASE WHEN v.kind = 'fx' THEN v.amount ELSE 0 END) AS BIGINT) AS fx_mrr,
        CAST(SUM(CASE WHEN v.kind IN ('contraction', 'churn') THEN -v.amount ELSE v.amount END) AS BIGINT) AS mrr_change
    FROM unit_movements v
    INNER JOIN valuations x ON x.currency = v.currency AND x.valuation = v.valuation
    INNER JOIN unit_members m ON m.member_no = v.unit_no
    GROUP BY m.account_no, x.value_no, v.month_no
)
SELECT
    account_no,
    value_no,
    month_no,
    COALESCE(LEAD(month_no) OVER so_far, (SELECT MAX(month_no) + 1 FROM month_numbers)) AS next_no,
    MIN(CASE WHEN mrr_change <> 0 THEN month_no END) OVER so_far AS first_no,
    CAST(SUM(mrr_change) OVER so_far - mrr_change AS BIGINT) AS mrr_start,
    new_mrr,
    expansion_mrr,
    contraction_mrr,
    churned_mrr,
    reactivation_mrr,
    fx_mrr,
    CAST(SUM(mrr_change) OVER so_far AS BIGINT) AS mrr
FROM summed
WINDOW so_far AS (PARTITION BY account_no, value_no ORDER BY month_no)
