-- When each subscription sold anything, and anything but usage, for the first time.
WITH by_item AS (
    SELECT item_no, MIN(period_start) AS first_sold, MIN(licensed_start) AS first_licensed
    FROM (
        SELECT item_no, period_start, period_start AS licensed_start FROM told_lines WHERE term_no IS NOT NULL
        UNION ALL
        SELECT item_no, sold_from, CASE WHEN NOT is_metered THEN sold_from END FROM odd_spans
    ) sold
    GROUP BY item_no
)
SELECT i.subscription_id, MIN(b.first_sold) AS first_sold, MIN(b.first_licensed) AS first_licensed
FROM by_item b
INNER JOIN sold_items i ON i.item_no = b.item_no
GROUP BY i.subscription_id
