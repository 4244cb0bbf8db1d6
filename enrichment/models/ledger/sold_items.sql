-- Every item that was ever sold or is listed, numbered: also those that are gone from their subscriptions.
SELECT item_no, item_id, subscription_id FROM listed_items
UNION ALL
SELECT CAST(m.last_no + ROW_NUMBER() OVER () AS INTEGER), g.item_id, g.subscription_id
FROM (SELECT DISTINCT item_id, subscription_id FROM odd_sales WHERE item_no IS NULL) g
CROSS JOIN (SELECT COALESCE(MAX(item_no), 0) AS last_no FROM listed_items) m
