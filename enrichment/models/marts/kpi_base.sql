-- What the KPIs are computed from: every month of each currency, valuation and segment's value that ever had MRR.
-- opening_mrr_12m, retained_mrr_12m: the MRR 12 months before, and what the same accounts pay now; null in the
-- first 12 months.
WITH grid AS (
    SELECT n.month_no, n.month, g.currency, g.valuation, g.segment, g.segment_value
    FROM (SELECT DISTINCT currency, valuation, segment, segment_value FROM kpi_changes) g
    CROSS JOIN month_numbers n
),
filled AS (
    SELECT
        g.*,
        CAST(COALESCE(c.new_mrr, 0) AS BIGINT) AS new_mrr,
        CAST(COALESCE(c.expansion_mrr, 0) AS BIGINT) AS expansion_mrr,
        CAST(COALESCE(c.contraction_mrr, 0) AS BIGINT) AS contraction_mrr,
        CAST(COALESCE(c.churned_mrr, 0) AS BIGINT) AS churned_mrr,
        CAST(COALESCE(c.reactivation_mrr, 0) AS BIGINT) AS reactivation_mrr,
        CAST(COALESCE(c.fx_mrr, 0) AS BIGINT) AS fx_mrr,
        CAST(COALESCE(c.mrr_change, 0) AS BIGINT) AS mrr_change,
        CAST(COALESCE(c.customers_change, 0) AS BIGINT) AS customers_change,
        CAST(COALESCE(c.new_customers, 0) AS BIGINT) AS new_customers,
        CAST(COALESCE(c.lost_customers, 0) AS BIGINT) AS lost_customers,
        CAST(COALESCE(c.reactivated_customers, 0) AS BIGINT) AS reactivated_customers,
        CAST(COALESCE(t.retained_change, 0) AS BIGINT) AS retained_change
    FROM grid g
    LEFT JOIN kpi_changes c
        ON c.month_no = g.month_no
        AND c.currency = g.currency
        AND c.valuation = g.valuation
        AND c.segment = g.segment
        AND c.segment_value = g.segment_value
    LEFT JOIN retained_changes t
        ON t.month_no = g.month_no
        AND t.currency = g.currency
        AND t.valuation = g.valuation
        AND t.segment = g.segment
        AND t.segment_value = g.segment_value
),
running AS (
    SELECT
        *,
        CAST(SUM(mrr_change) OVER so_far AS BIGINT) AS mrr,
        CAST(SUM(customers_change) OVER so_far AS BIGINT) AS active_customers,
        CAST(SUM(retained_change) OVER so_far AS BIGINT) AS retained_mrr
    FROM filled
    WINDOW so_far AS (PARTITION BY currency, valuation, segment, segment_value ORDER BY month_no)
)
SELECT
    month,
    currency,
    valuation,
    segment,
    segment_value,
    mrr - mrr_change AS mrr_start,
    new_mrr,
    expansion_mrr,
    contraction_mrr,
    churned_mrr,
    reactivation_mrr,
    fx_mrr,
    mrr,
    active_customers - customers_change AS customers_start,
    active_customers,
    new_customers,
    lost_customers,
    reactivated_customers,
    LAG(mrr, 12) OVER so_far AS opening_mrr_12m,
    CASE WHEN month_no > 12 THEN retained_mrr END AS retained_mrr_12m
FROM running
WINDOW so_far AS (PARTITION BY currency, valuation, segment, segment_value ORDER BY month_no)
