-- What each change is called.
SELECT account_id, currency, month_no, ABS(mrr_change) AS amount,
    CASE WHEN mrr_change > 0
        THEN CASE WHEN nth = 1 THEN 'new' WHEN mrr = mrr_change THEN 'reactivation' ELSE 'expansion' END
        ELSE CASE WHEN mrr = 0 THEN 'churn' ELSE 'contraction' END
    END AS kind
FROM account_running
