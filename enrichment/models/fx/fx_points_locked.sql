-- The MRR of a foreign item before and after each of its rows, and the days whose rates hold then: each row's own,
-- as a row starts a period or changes the amount. Rows of one instant: increases first, then by what proves them.
SELECT
    row_id,
    effective_at,
    0 AS is_month_end,
    currency,
    CAST(effective_at AS DATE) AS rate_day,
    CAST(LAG(effective_at) OVER item_rows AS DATE) AS old_day,
    CAST(SUM(mrr_change) OVER item_rows AS BIGINT) - mrr_change AS item_before,
    CAST(SUM(mrr_change) OVER item_rows AS BIGINT) AS item_mrr
FROM fx_rows
WINDOW item_rows AS (
    PARTITION BY subscription_item_id, currency
    ORDER BY effective_at, mrr_change DESC, source_object, row_id
    ROWS UNBOUNDED PRECEDING
)
