-- Each item in each time that counts of its subscription, numbered.
SELECT
    CAST(ROW_NUMBER() OVER () AS INTEGER) AS life_no,
    i.item_no,
    c.time_no,
    c.counts_from,
    c.counts_until,
    LEAST(c.counts_until, r.as_of) AS seen_until,
    c.first_sold,
    c.unpaid_epoch
FROM sold_items i
INNER JOIN counted_times c ON c.subscription_id = i.subscription_id
CROSS JOIN ledger_rules r
