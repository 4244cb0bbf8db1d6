-- What each change is called.
SELECT account_id, currency, month_no, ABS(mrr - mrr_start) AS amount,
    CASE WHEN mrr > mrr_start
        THEN CASE WHEN month_no = first_no THEN 'new' WHEN mrr_start = 0 THEN 'reactivation' ELSE 'expansion' END
        ELSE CASE WHEN mrr = 0 THEN 'churn' ELSE 'contraction' END
    END AS kind
FROM compared WHERE mrr <> mrr_start
