-- Rows of foreign items with the day whose rate holds after them: their own. Renewals are among them and lock anew.
-- Rows of one instant: increases first, then by name, so that the order of the input decides nothing.
SELECT
    n.*,
    CAST(SUM(n.mrr_change) OVER rows_so_far AS BIGINT) AS item_mrr,
    ROW_NUMBER() OVER rows_so_far AS row_no,
    CAST(n.effective_at AS DATE) AS rate_day
FROM native_ledger n
CROSS JOIN fx_target t
WHERE n.currency <> t.reporting_currency
WINDOW rows_so_far AS (
    PARTITION BY n.subscription_id, n.subscription_item_id, n.currency
    ORDER BY n.effective_at, n.mrr_change DESC, n.reason, n.source_object
    ROWS UNBOUNDED PRECEDING
)
