-- The last rate of each item in each time that counts, and when it ends: an item that its subscription still lists
-- goes on until that ends, whether its next period is billed yet or not. place 1 is the item's very last.
SELECT
    s.*,
    CASE
        WHEN i.item_no IS NOT NULL AND NOT s.is_credit THEN s.counts_until
        ELSE LEAST(s.period_end, s.counts_until)
    END AS ends,
    ROW_NUMBER() OVER (PARTITION BY s.item_no ORDER BY s.counts_from DESC) AS place
FROM item_spans s
LEFT JOIN listed_items i ON i.item_no = s.item_no
WHERE s.next_starts IS NULL OR s.next_starts >= s.counts_until
