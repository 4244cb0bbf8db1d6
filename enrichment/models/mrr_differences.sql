-- Where two pieces of evidence disagree on an item's MRR: which one the ledger follows (ledger_mrr), what the other
-- says (evidence_mrr, null when it says nothing), and why. Minor units a month.
WITH billed AS (
    SELECT
        b.line_id,
        r.mrr AS billed_mrr,
        t.mrr AS term_mrr,
        ROW_NUMBER() OVER (PARTITION BY s.item_id ORDER BY s.period_start DESC, s.line_id) AS place
    FROM billed_lines b
    CROSS JOIN ledger_rules k
    INNER JOIN billed_rates r ON r.line_id = b.line_id
    INNER JOIN sold_lines s ON s.line_id = b.line_id
    LEFT JOIN term_rates t
        ON t.bundle = s.bundle AND t.place = s.place AND t.price_id = s.price_id AND t.quantity = s.quantity
        AND t.currency = s.currency AND t.own_discounts = s.own_discounts
        AND t.shared_discounts = s.shared_discounts AND t.tax_rates = s.tax_rates
        AND t.is_proration = s.is_proration
    WHERE NOT b.is_metered AND b.refunded IS NULL AND NOT k.is_invoice_basis
),
overlapped AS (
    SELECT e.item_id, e.counts_from, e.next_starts
    FROM item_spans e
    INNER JOIN item_spans f ON f.item_id = e.item_id AND f.counts_from = e.counts_from AND f.starts = e.next_starts
    LEFT JOIN sold_lines c ON c.item_id = e.item_id AND c.is_credit AND c.period_start = e.next_starts
    WHERE e.next_starts < e.period_end
        AND NOT e.is_credit AND NOT f.is_credit AND NOT f.is_proration
        AND c.line_id IS NULL
),
found AS (
    SELECT
        subscription_id, item_id, customer_id, currency, effective_epoch AS at_epoch,
        mrr_after AS ledger_mrr, said_mrr AS evidence_mrr, reason, source_object
    FROM closing_changes
    UNION ALL
    SELECT
        s.subscription_id, s.item_id, s.customer_id, s.currency, s.starts, s.mrr, b.term_mrr,
        CASE WHEN b.term_mrr IS NULL THEN 'terms_unknown' ELSE 'billed_differently' END, s.line_id
    FROM billed b
    INNER JOIN item_spans s ON s.line_id = b.line_id
    WHERE b.place = 1 AND b.billed_mrr IS DISTINCT FROM b.term_mrr
    UNION ALL
    SELECT
        subscription_id, item_id, customer_id, currency, starts, mrr, NULL, 'first_invoices_missing', line_id
    FROM item_spans
    WHERE starts < period_start - 86400 AND mrr <> 0
    UNION ALL
    SELECT
        subscription_id, item_id, customer_id, currency, period_end, mrr, NULL, 'invoice_missing', line_id
    FROM item_spans
    WHERE next_starts > period_end + 86400 AND mrr <> 0 AND NOT is_metered
    UNION ALL
    SELECT
        s.subscription_id, s.item_id, s.customer_id, s.currency, s.next_starts, f.mrr, s.mrr,
        'overlapping_periods', f.line_id
    FROM overlapped o
    INNER JOIN item_spans s
        ON s.item_id = o.item_id AND s.counts_from = o.counts_from AND s.next_starts = o.next_starts
    INNER JOIN item_spans f
        ON f.item_id = o.item_id AND f.counts_from = o.counts_from AND f.starts = o.next_starts
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
