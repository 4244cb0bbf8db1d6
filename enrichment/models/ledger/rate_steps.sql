-- The lines of each item that may change its rate, each with the start of the next, whether that is here or not. Left
-- out are lines of one rate between two others of it that end and begin just where they do. Where several begin
-- together (is_double) all of them are here, and so is the one behind them.
WITH sold AS (
    SELECT
        item_no,
        CAST(NULL AS INTEGER) AS odd_no,
        term_no,
        term_no AS rate_no,
        period_start AS sold_from,
        period_start,
        period_end,
        FALSE AS is_credit
    FROM told_lines
    WHERE term_no IS NOT NULL
    UNION ALL
    SELECT o.item_no, o.odd_no, o.term_no, o.rate_no, o.sold_from, o.period_start, o.period_end, o.is_credit
    FROM odd_spans o
    CROSS JOIN ledger_rules r
    WHERE r.counts_metered OR NOT o.is_metered
),
neighbours AS (
    SELECT
        l.life_no,
        s.item_no,
        s.odd_no,
        s.term_no,
        s.rate_no,
        s.period_start,
        s.period_end,
        s.is_credit,
        s.period_start <= l.counts_from AS is_early,
        LEAD(s.period_start) OVER w AS next_start,
        LEAD(s.rate_no) OVER w AS next_rate,
        LAG(s.period_start) OVER w AS last_start,
        LAG(s.period_start, 2) OVER w AS start_before,
        LAG(s.period_end) OVER w AS last_end,
        LAG(s.rate_no) OVER w AS last_rate
    FROM sold s
    INNER JOIN item_lives l ON l.item_no = s.item_no
    WHERE s.sold_from < l.seen_until
    WINDOW w AS (PARTITION BY l.life_no ORDER BY s.period_start)
)
SELECT
    n.life_no,
    n.item_no,
    n.odd_no,
    n.term_no,
    n.period_start,
    n.period_end,
    n.is_credit,
    n.next_start,
    COALESCE(n.last_start = n.period_start, FALSE) OR COALESCE(n.next_start = n.period_start, FALSE) AS is_double
FROM neighbours n
LEFT JOIN (
    SELECT t.term_no
    FROM line_terms t
    INNER JOIN ledger_rules r ON r.reporting_currency <> t.currency
) f ON f.term_no = n.term_no
WHERE n.is_early
    OR n.next_start IS NULL
    OR n.last_start IS NULL
    OR n.rate_no <> n.next_rate
    OR n.rate_no <> n.last_rate
    OR n.period_end <> n.next_start
    OR n.last_end <> n.period_start
    OR n.start_before = n.last_start
    OR f.term_no IS NOT NULL
