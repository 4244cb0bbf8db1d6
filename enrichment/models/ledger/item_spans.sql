-- Each item's rates one after the other: a rate holds from its start until the next one starts. starts is never
-- before the time that counts, and the last of several that start together stands.
WITH stepped AS (
    SELECT
        s.life_no, s.odd_no, t.line_id, s.term_no, s.period_start, s.period_end, s.is_credit, s.next_start
    FROM rate_steps s
    INNER JOIN told_lines t
        ON t.item_no = s.item_no AND t.period_start = s.period_start AND t.period_end = s.period_end
        AND t.term_no = s.term_no
    WHERE NOT s.is_double AND s.odd_no IS NULL
    UNION ALL
    SELECT
        s.life_no, s.odd_no, o.line_id, s.term_no, s.period_start, s.period_end, s.is_credit, s.next_start
    FROM rate_steps s
    INNER JOIN odd_spans o ON o.odd_no = s.odd_no
    WHERE NOT s.is_double
    UNION ALL
    SELECT life_no, odd_no, line_id, term_no, period_start, period_end, is_credit, next_start
    FROM double_starts
),
placed AS (
    SELECT
        s.*,
        l.item_no,
        l.time_no,
        l.counts_from,
        l.counts_until,
        l.seen_until,
        COALESCE(o.is_metered, FALSE) AS is_metered,
        COALESCE(
            o.is_set_aside AND NOT r.counts_paused AND o.sold_from < COALESCE(l.unpaid_epoch, r.forever), FALSE
        ) AS is_paused,
        CASE
            WHEN s.period_start = l.first_sold THEN l.counts_from ELSE GREATEST(s.period_start, l.counts_from)
        END AS starts,
        CASE WHEN s.next_start IS NOT NULL THEN GREATEST(s.next_start, l.counts_from) END AS next_starts
    FROM stepped s
    CROSS JOIN ledger_rules r
    INNER JOIN item_lives l ON l.life_no = s.life_no
    LEFT JOIN odd_spans o ON o.odd_no = s.odd_no
)
SELECT
    p.life_no,
    p.item_no,
    p.time_no,
    p.odd_no,
    p.line_id,
    p.term_no,
    p.is_metered,
    p.is_paused,
    p.is_credit,
    p.period_start,
    p.period_end,
    p.counts_from,
    p.counts_until,
    p.starts,
    p.next_starts,
    CASE WHEN p.is_credit OR p.is_paused THEN 0 ELSE COALESCE(b.mrr, t.mrr, 0) END AS mrr,
    CASE WHEN p.is_credit OR p.is_paused THEN 0 ELSE COALESCE(b.contract_mrr, t.contract_mrr, 0) END AS contract_mrr
FROM placed p
LEFT JOIN billed_rates b ON b.odd_no = p.odd_no
LEFT JOIN term_rates t ON t.term_no = p.term_no
WHERE (p.next_starts IS NULL OR p.next_starts > p.starts) AND p.starts < p.seen_until
