-- Every month of every account, the quiet ones too.
SELECT c.account_id, n.month, c.currency,
    CASE WHEN n.month_no = c.month_no THEN c.mrr - c.mrr_change ELSE c.mrr END AS mrr_start,
    CASE WHEN n.month_no = c.month_no THEN c.mrr_change ELSE 0 END AS mrr_change,
    c.mrr
FROM account_running c
INNER JOIN (
    SELECT m AS month_no, CAST(m // 12 AS VARCHAR) || '-' || lpad(CAST(m % 12 + 1 AS VARCHAR), 2, '0') AS month
    FROM range($first, $last + 1) r(m)
) n
    ON n.month_no >= c.month_no AND n.month_no < CASE WHEN c.mrr = 0 THEN c.month_no + 1 ELSE c.next_no END
