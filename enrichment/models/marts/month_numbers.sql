-- The months with a number to reckon with. seen_until: the first instant that a month's end does not see, for
-- the running month the one after as_of.
SELECT
    m.month,
    CAST(ROW_NUMBER() OVER (ORDER BY m.starts_at) AS INTEGER) AS month_no,
    m.starts_at,
    LEAST(m.ends_at, r.as_of + INTERVAL '1 microsecond') AS seen_until
FROM months m
CROSS JOIN mart_rules r
