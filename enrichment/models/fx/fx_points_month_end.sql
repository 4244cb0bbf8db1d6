-- As fx_points_locked, with a point more for each month's end at which an item has MRR. period_end values the whole
-- month at its end's rate, daily_revalue each row at its own day's.
WITH held AS (
    SELECT
        f.row_id,
        f.subscription_item_id,
        f.currency,
        f.effective_at,
        f.mrr_change,
        CAST(SUM(f.mrr_change) OVER item_rows AS BIGINT) AS item_mrr,
        ROW_NUMBER() OVER item_rows AS row_no,
        LEAD(f.effective_at) OVER item_rows AS next_at
    FROM fx_rows f
    WINDOW item_rows AS (
        PARTITION BY f.subscription_item_id, f.currency
        ORDER BY f.effective_at, f.mrr_change DESC, f.source_object, f.row_id
        ROWS UNBOUNDED PRECEDING
    )
),
points AS (
    SELECT
        h.row_id,
        h.subscription_item_id,
        h.row_no,
        h.effective_at,
        0 AS is_month_end,
        h.currency,
        CASE
            WHEN t.fx_mode = 'period_end' THEN COALESCE(CAST(m.valued_at AS DATE), CAST(h.effective_at AS DATE))
            ELSE CAST(h.effective_at AS DATE)
        END AS rate_day,
        h.mrr_change,
        h.item_mrr
    FROM held h
    CROSS JOIN fx_target t
    LEFT JOIN fx_months m ON h.effective_at >= m.starts_at AND h.effective_at < m.ends_at
    UNION ALL
    SELECT
        h.row_id,
        h.subscription_item_id,
        h.row_no,
        m.valued_at,
        1,
        h.currency,
        CAST(m.valued_at AS DATE),
        0,
        h.item_mrr
    FROM held h
    INNER JOIN fx_months m ON m.valued_at >= h.effective_at AND (h.next_at IS NULL OR m.valued_at < h.next_at)
    WHERE h.item_mrr <> 0
)
SELECT
    row_id,
    effective_at,
    is_month_end,
    currency,
    rate_day,
    LAG(rate_day) OVER (
        PARTITION BY subscription_item_id, currency ORDER BY row_no, is_month_end, effective_at
    ) AS old_day,
    item_mrr - mrr_change AS item_before,
    item_mrr
FROM points
