-- What the lines say: a row where an item's rate starts to differ from the one before, and where the last one ends.
WITH followed AS (
    SELECT
        life_no,
        item_no,
        time_no,
        line_id,
        term_no,
        starts,
        mrr,
        contract_mrr,
        is_credit,
        is_paused,
        is_metered,
        LAG(mrr) OVER w AS last_mrr,
        LAG(contract_mrr) OVER w AS last_contract,
        LAG(term_no) OVER w AS last_term,
        LAG(is_paused) OVER w AS was_paused,
        LAG(is_credit) OVER w AS was_given_back
    FROM item_spans
    WINDOW w AS (PARTITION BY life_no ORDER BY starts)
)
SELECT
    f.item_no,
    f.time_no,
    f.term_no,
    f.starts AS effective_epoch,
    f.mrr - COALESCE(f.last_mrr, 0) AS mrr_change,
    f.mrr AS mrr_after,
    f.contract_mrr - COALESCE(f.last_contract, 0) AS contract_mrr_change,
    CASE
        WHEN f.is_credit THEN 'item_removed'
        WHEN f.is_paused THEN 'paused'
        WHEN f.was_paused OR f.was_given_back THEN 'resumed'
        WHEN f.last_mrr IS NULL AND c.left_out_before = 'paused' THEN 'resumed'
        WHEN f.last_mrr IS NULL AND c.left_out_before IS NOT NULL THEN 'recovered'
        WHEN f.last_mrr IS NULL AND f.starts > c.counts_from THEN 'item_added'
        WHEN f.last_mrr IS NULL AND c.has_trial THEN 'trial_converted'
        WHEN f.last_mrr IS NULL THEN 'started'
        WHEN f.is_metered THEN 'usage'
        WHEN f.mrr = f.last_mrr AND f.contract_mrr = f.last_contract THEN 'renewed'
        WHEN t.price_id <> l.price_id THEN 'price_changed'
        WHEN t.quantity <> l.quantity THEN 'quantity_changed'
        WHEN f.contract_mrr = f.last_contract THEN 'discount_changed'
        ELSE 'amount_changed'
    END AS reason,
    f.line_id AS source_object
FROM followed f
CROSS JOIN ledger_rules r
INNER JOIN line_terms t ON t.term_no = f.term_no
LEFT JOIN line_terms l ON l.term_no = f.last_term
INNER JOIN counted_times c ON c.time_no = f.time_no
WHERE f.mrr <> COALESCE(f.last_mrr, 0)
    OR f.contract_mrr <> COALESCE(f.last_contract, 0)
    OR (t.currency <> r.reporting_currency AND f.mrr > 0)
UNION ALL
SELECT
    e.item_no,
    e.time_no,
    e.term_no,
    e.ends,
    -e.mrr,
    0,
    -e.contract_mrr,
    CASE
        WHEN e.ends < e.counts_until THEN 'item_removed'
        WHEN c.left_out_after IS NOT NULL THEN c.left_out_after
        WHEN c.unpaid_epoch = e.ends THEN 'unpaid'
        ELSE 'canceled'
    END,
    CASE
        WHEN e.ends < e.counts_until THEN e.line_id
        WHEN c.left_out_after IS NOT NULL THEN c.source_after
        WHEN c.unpaid_epoch = e.ends THEN c.unpaid_invoice
        ELSE c.subscription_id
    END
FROM last_spans e
CROSS JOIN ledger_rules r
INNER JOIN counted_times c ON c.time_no = e.time_no
WHERE e.ends < r.as_of AND (e.mrr <> 0 OR e.contract_mrr <> 0)
