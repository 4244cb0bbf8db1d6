-- From the MRR at a month's start to that at its end, step by step, signed.
WITH steps AS (
    SELECT month, currency, valuation, 1 AS step_no, 'mrr_start' AS step, mrr_start AS amount
    FROM kpi_base WHERE segment = ''
    UNION ALL
    SELECT month, currency, valuation, 2, 'new', new_mrr FROM kpi_base WHERE segment = ''
    UNION ALL
    SELECT month, currency, valuation, 3, 'reactivation', reactivation_mrr FROM kpi_base WHERE segment = ''
    UNION ALL
    SELECT month, currency, valuation, 4, 'expansion', expansion_mrr FROM kpi_base WHERE segment = ''
    UNION ALL
    SELECT month, currency, valuation, 5, 'contraction', -contraction_mrr FROM kpi_base WHERE segment = ''
    UNION ALL
    SELECT month, currency, valuation, 6, 'churn', -churned_mrr FROM kpi_base WHERE segment = ''
    UNION ALL
    SELECT month, currency, valuation, 7, 'fx', fx_mrr FROM kpi_base WHERE segment = ''
    UNION ALL
    SELECT month, currency, valuation, 8, 'mrr', mrr FROM kpi_base WHERE segment = ''
)
SELECT month, currency, valuation, CAST(step_no AS BIGINT) AS step_no, step, amount
FROM steps
