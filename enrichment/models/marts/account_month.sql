-- Every month in which an account has MRR at either end or a movement: each month with movements, and the quiet
-- months up to the next one while there is MRR.
SELECT
    m.account_id,
    n.month,
    x.currency,
    x.valuation,
    CASE WHEN n.month_no = c.month_no THEN c.mrr_start ELSE c.mrr END AS mrr_start,
    CASE WHEN n.month_no = c.month_no THEN c.new_mrr ELSE 0 END AS new_mrr,
    CASE WHEN n.month_no = c.month_no THEN c.expansion_mrr ELSE 0 END AS expansion_mrr,
    CASE WHEN n.month_no = c.month_no THEN c.contraction_mrr ELSE 0 END AS contraction_mrr,
    CASE WHEN n.month_no = c.month_no THEN c.churned_mrr ELSE 0 END AS churned_mrr,
    CASE WHEN n.month_no = c.month_no THEN c.reactivation_mrr ELSE 0 END AS reactivation_mrr,
    CASE WHEN n.month_no = c.month_no THEN c.fx_mrr ELSE 0 END AS fx_mrr,
    c.mrr
FROM account_changes c
INNER JOIN month_numbers n
    ON n.month_no >= c.month_no AND n.month_no < CASE WHEN c.mrr = 0 THEN c.month_no + 1 ELSE c.next_no END
INNER JOIN valuations x ON x.value_no = c.value_no
INNER JOIN unit_members m ON m.member_no = c.account_no
