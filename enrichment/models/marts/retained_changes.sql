-- How the MRR kept from 12 months before changes: an account counts with what it pays now in the months in which
-- it paid anything 12 months before. Found by laying each account's changes over the same ones 12 months later.
WITH laid AS (
    SELECT account_no, value_no, month_no, mrr - mrr_start AS now_change, 0 AS then_change
    FROM account_changes
    WHERE first_no + 12 <= (SELECT MAX(month_no) FROM month_numbers)
    UNION ALL
    SELECT account_no, value_no, month_no + 12, 0, mrr - mrr_start
    FROM account_changes
    WHERE month_no + 12 <= (SELECT MAX(month_no) FROM month_numbers)
),
summed AS (
    SELECT
        account_no,
        value_no,
        month_no,
        CAST(SUM(now_change) AS BIGINT) AS now_change,
        CAST(SUM(then_change) AS BIGINT) AS then_change
    FROM laid
    GROUP BY account_no, value_no, month_no
),
running AS (
    SELECT
        *,
        SUM(now_change) OVER so_far AS mrr_now,
        SUM(then_change) OVER so_far AS mrr_then
    FROM summed
    WINDOW so_far AS (PARTITION BY account_no, value_no ORDER BY month_no)
),
kept AS (
    SELECT
        account_no,
        value_no,
        month_no,
        CASE WHEN mrr_then > 0 THEN mrr_now ELSE 0 END
        - CASE WHEN mrr_then - then_change > 0 THEN mrr_now - now_change ELSE 0 END AS retained_change
    FROM running
),
groups AS (
    SELECT m.account_no, s.segment, s.segment_value
    FROM unit_members m
    INNER JOIN account_segments s ON s.account_id = m.account_id
    WHERE m.member_no = m.account_no
),
grouped AS (
    SELECT k.*, '' AS segment, '' AS segment_value FROM kept k WHERE k.retained_change <> 0
    UNION ALL
    SELECT k.*, g.segment, g.segment_value
    FROM kept k
    INNER JOIN groups g ON g.account_no = k.account_no
    WHERE k.retained_change <> 0
)
SELECT
    g.month_no,
    x.currency,
    x.valuation,
    g.segment,
    g.segment_value,
    SUM(g.retained_change) AS retained_change
FROM grouped g
INNER JOIN valuations x ON x.value_no = g.value_no
GROUP BY g.month_no, x.currency, x.valuation, g.segment, g.segment_value
