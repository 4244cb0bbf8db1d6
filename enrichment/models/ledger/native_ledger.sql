-- The ledger in each item's own currency: what the lines say, closed by what the subscriptions say.
SELECT
    COALESCE(a.account_id, c.customer_id) AS account_id,
    c.customer_id,
    c.subscription_id,
    c.item_id AS subscription_item_id,
    c.price_id,
    c.product_id,
    to_timestamp(c.effective_epoch) AT TIME ZONE 'UTC' AS effective_at,
    c.currency,
    c.mrr_change,
    c.mrr_after,
    c.contract_mrr_change,
    c.reason,
    c.source_object,
    r.policy_hash
FROM (
    SELECT
        i.item_id, i.subscription_id, t.customer_id, m.price_id, p.product_id, m.currency, l.effective_epoch,
        l.mrr_change, l.mrr_after, l.contract_mrr_change, l.reason, l.source_object
    FROM line_changes l
    INNER JOIN sold_items i ON i.item_no = l.item_no
    INNER JOIN counted_times t ON t.time_no = l.time_no
    INNER JOIN line_terms m ON m.term_no = l.term_no
    INNER JOIN stg_prices p ON p.price_id = m.price_id
    UNION ALL
    SELECT
        item_id, subscription_id, customer_id, price_id, product_id, currency, effective_epoch, mrr_change, mrr_after,
        contract_mrr_change, reason, source_object
    FROM closing_changes
) c
CROSS JOIN run_clock r
LEFT JOIN account_customers a ON a.customer_id = c.customer_id
