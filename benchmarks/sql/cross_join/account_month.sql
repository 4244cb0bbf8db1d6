-- Months with MRR, or that lost it.
SELECT account_id, CAST(month_no // 12 AS VARCHAR) || '-' || lpad(CAST(month_no % 12 + 1 AS VARCHAR), 2, '0')
    AS month, currency, mrr_start, mrr - mrr_start AS mrr_change, mrr
FROM compared WHERE mrr <> 0 OR mrr_start <> 0
