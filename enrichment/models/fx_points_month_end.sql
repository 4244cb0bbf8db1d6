-- Rows of foreign items, and one row per item and month's end at which it has MRR, with the day whose rate holds.
-- period_end values the whole month at its end's rate, daily_revalue each row at its own day's.
-- Rows of one instant: increases first, then by name, so that the order of the input decides nothing.
WITH held AS (
    SELECT
        n.*,
        t.fx_mode,
        CAST(SUM(n.mrr_change) OVER rows_so_far AS BIGINT) AS item_mrr,
        ROW_NUMBER() OVER rows_so_far AS row_no,
        LEAD(n.effective_at) OVER rows_so_far AS next_at
    FROM native_ledger n
    CROSS JOIN fx_target t
    WHERE n.currency <> t.reporting_currency AND n.reason <> 'renewed'
    WINDOW rows_so_far AS (
        PARTITION BY n.subscription_id, n.subscription_item_id, n.currency
        ORDER BY n.effective_at, n.mrr_change DESC, n.reason, n.source_object
        ROWS UNBOUNDED PRECEDING
    )
)
SELECT
    h.account_id,
    h.customer_id,
    h.subscription_id,
    h.subscription_item_id,
    h.price_id,
    h.product_id,
    h.effective_at,
    h.currency,
    h.mrr_change,
    h.mrr_after,
    h.contract_mrr_change,
    h.reason,
    h.source_object,
    h.policy_hash,
    h.item_mrr,
    h.row_no,
    CASE
        WHEN h.fx_mode = 'period_end' THEN COALESCE(CAST(m.valued_at AS DATE), CAST(h.effective_at AS DATE))
        ELSE CAST(h.effective_at AS DATE)
    END AS rate_day
FROM held h
LEFT JOIN fx_months m ON h.effective_at >= m.starts_at AND h.effective_at < m.ends_at
UNION ALL
SELECT
    h.account_id,
    h.customer_id,
    h.subscription_id,
    h.subscription_item_id,
    h.price_id,
    h.product_id,
    m.valued_at,
    h.currency,
    0,
    h.mrr_after,
    0,
    'fx',
    'fx_rates ' || h.currency || ' ' || CAST(CAST(m.valued_at AS DATE) AS VARCHAR),
    h.policy_hash,
    h.item_mrr,
    h.row_no,
    CAST(m.valued_at AS DATE)
FROM held h
INNER JOIN fx_months m ON m.valued_at >= h.effective_at AND (h.next_at IS NULL OR m.valued_at < h.next_at)
WHERE h.item_mrr <> 0
