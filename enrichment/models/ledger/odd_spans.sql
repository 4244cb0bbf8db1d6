-- The odd lines in numbers, as the plain ones are in told_lines. rate_no: lines that have it in common are the same
-- rate; what is billed, credited or set aside is a rate of its own. Usage counts in the period after it.
SELECT
    s.odd_no,
    n.item_no,
    n.term_no,
    CASE
        WHEN s.is_credit OR s.is_set_aside OR s.is_metered OR b.odd_no IS NOT NULL THEN m.last_no + s.odd_no
        ELSE n.term_no
    END AS rate_no,
    s.period_start AS sold_from,
    CASE WHEN s.is_metered THEN s.period_end ELSE s.period_start END AS period_start,
    CASE WHEN s.is_metered THEN s.period_end + (s.period_end - s.period_start) ELSE s.period_end END AS period_end,
    s.is_credit,
    s.is_metered,
    s.is_set_aside,
    s.line_id
FROM odd_sales s
CROSS JOIN (SELECT COALESCE(MAX(term_no), 0) AS last_no FROM line_terms) m
INNER JOIN odd_terms n ON n.odd_no = s.odd_no
LEFT JOIN billed_rates b ON b.odd_no = s.odd_no
