-- Where two pieces of evidence disagree on an item's MRR: which one the ledger follows (ledger_mrr), what the other
-- says (evidence_mrr, null when it says nothing), and why. Minor units a month.
WITH billed AS (
    SELECT
        b.odd_no,
        r.mrr AS billed_mrr,
        t.mrr AS term_mrr,
        ROW_NUMBER() OVER (PARTITION BY b.item_no ORDER BY b.period_start DESC, b.line_id) AS place
    FROM billed_lines b
    CROSS JOIN ledger_rules k
    INNER JOIN billed_rates r ON r.odd_no = b.odd_no
    LEFT JOIN term_rates t ON t.term_no = b.term_no
    WHERE NOT b.is_metered AND b.refunded IS NULL AND NOT k.is_invoice_basis
),
overlapped AS (
    SELECT e.life_no, e.next_starts
    FROM item_spans e
    INNER JOIN item_spans f ON f.life_no = e.life_no AND f.starts = e.next_starts
    INNER JOIN line_terms t ON t.term_no = f.term_no
    LEFT JOIN odd_spans c ON c.item_no = e.item_no AND c.is_credit AND c.sold_from = e.next_starts
    WHERE e.next_starts < e.period_end
        AND NOT e.is_credit AND NOT f.is_credit AND NOT t.is_proration
        AND c.item_no IS NULL
),
of_lines AS (
    SELECT
        s.item_no, s.time_no, s.term_no, s.line_id, s.starts AS at_epoch, s.mrr AS ledger_mrr,
        b.term_mrr AS evidence_mrr,
        CASE WHEN b.term_mrr IS NULL THEN 'terms_unknown' ELSE 'billed_differently' END AS reason
    FROM billed b
    INNER JOIN item_spans s ON s.odd_no = b.odd_no
    WHERE b.place = 1 AND b.billed_mrr IS DISTINCT FROM b.term_mrr
    UNION ALL
    SELECT item_no, time_no, term_no, line_id, starts, mrr, NULL, 'first_invoices_missing'
    FROM item_spans
    WHERE starts < period_start - 86400 AND mrr <> 0
    UNION ALL
    SELECT item_no, time_no, term_no, line_id, period_end, mrr, NULL, 'invoice_missing'
    FROM item_spans
    WHERE next_starts > period_end + 86400 AND mrr <> 0 AND NOT is_metered
    UNION ALL
    SELECT s.item_no, s.time_no, s.term_no, f.line_id, s.next_starts, f.mrr, s.mrr, 'overlapping_periods'
    FROM overlapped o
    INNER JOIN item_spans s ON s.life_no = o.life_no AND s.next_starts = o.next_starts
    INNER JOIN item_spans f ON f.life_no = o.life_no AND f.starts = o.next_starts
),
found AS (
    SELECT
        subscription_id, item_id, customer_id, currency, effective_epoch AS at_epoch,
        mrr_after AS ledger_mrr, said_mrr AS evidence_mrr, reason, source_object
    FROM closing_changes
    UNION ALL
    SELECT
        i.subscription_id, i.item_id, c.customer_id, t.currency, o.at_epoch, o.ledger_mrr, o.evidence_mrr, o.reason,
        o.line_id
    FROM of_lines o
    INNER JOIN sold_items i ON i.item_no = o.item_no
    INNER JOIN counted_times c ON c.time_no = o.time_no
    INNER JOIN line_terms t ON t.term_no = o.term_no
)
-- A line that covers a time which a policy leaves out shows once before and once after it.
SELECT DISTINCT
    subscription_id,
    item_id AS subscription_item_id,
    customer_id,
    currency,
    to_timestamp(at_epoch) AT TIME ZONE 'UTC' AS effective_at,
    ledger_mrr,
    evidence_mrr,
    reason,
    source_object
FROM found
