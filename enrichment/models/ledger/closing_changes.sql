-- Where the subscription as it stands says another MRR than the lines: the subscription is right, from the event that
-- changed it, or from the day of the numbers when no event tells: a subscription that Stripe paused was last billed
-- before, so that it counts no longer than it was billed for. Only where its state is that of the day: not when
-- the current period began later, the subscription ended since, or an event since changed it.
WITH said AS (
    SELECT
        s.item_no,
        s.term_no,
        s.is_paused,
        s.starts,
        s.period_end,
        CASE WHEN s.ends >= r.as_of THEN s.mrr ELSE 0 END AS mrr,
        CASE WHEN s.ends >= r.as_of THEN s.contract_mrr ELSE 0 END AS contract_mrr
    FROM last_spans s
    CROSS JOIN ledger_rules r
    WHERE s.place = 1
),
unlike AS (
    SELECT n.item_no, n.item_id, t.mrr, t.contract_mrr, t.excluded_reason
    FROM listed_items n
    CROSS JOIN ledger_rules r
    INNER JOIN item_rates t ON t.item_id = n.item_id
    LEFT JOIN said d ON d.item_no = n.item_no
    WHERE NOT (t.metered AND r.counts_metered)
        AND t.excluded_reason IS DISTINCT FROM 'bad_data'
        AND (t.mrr <> COALESCE(d.mrr, 0) OR t.contract_mrr <> COALESCE(d.contract_mrr, 0))
),
standing AS (
    SELECT
        u.item_no,
        u.item_id,
        i.subscription_id,
        i.price_id,
        i.quantity,
        i.created_epoch,
        u.mrr,
        u.contract_mrr,
        u.excluded_reason
    FROM unlike u
    CROSS JOIN ledger_rules r
    INNER JOIN stg_subscription_items i ON i.item_id = u.item_id
    WHERE COALESCE(i.period_start_epoch, 0) < r.as_of AND COALESCE(i.created_epoch, 0) < r.as_of
    UNION ALL
    -- Items that are gone from a subscription that goes on, before any invoice gave their rest back.
    SELECT d.item_no, i.item_id, i.subscription_id, t.price_id, t.quantity, 0, 0, 0, 'removed'
    FROM said d
    INNER JOIN sold_items i ON i.item_no = d.item_no
    INNER JOIN line_terms t ON t.term_no = d.term_no
    LEFT JOIN listed_items n ON n.item_no = d.item_no
    WHERE d.mrr <> 0 AND n.item_no IS NULL
),
-- A discount of the customer changes all of the customer's subscriptions.
told AS (
    SELECT
        e.event_id, e.event_type, e.created_epoch, e.changed_fields,
        COALESCE(e.subscription_id, s.subscription_id) AS subscription_id
    FROM stg_events e
    LEFT JOIN stg_subscriptions s ON s.customer_id = e.customer_id AND e.subscription_id IS NULL
),
changed AS (
    SELECT
        subscription_id,
        MAX(created_epoch) AS changed_epoch,
        MAX(CASE WHEN created_epoch >= r.as_of THEN 1 ELSE 0 END) AS changes_later
    FROM told
    CROSS JOIN ledger_rules r
    WHERE subscription_id IN (SELECT subscription_id FROM standing) AND (
        event_type LIKE 'customer.discount.%'
        OR event_type IN ('customer.subscription.paused', 'customer.subscription.resumed')
        OR changed_fields LIKE '%"items"%'
        OR changed_fields LIKE '%"plan"%'
        OR changed_fields LIKE '%"quantity"%'
        OR changed_fields LIKE '%"discount%'
        OR changed_fields LIKE '%"pause_collection"%'
        OR changed_fields LIKE '%"status"%'
    )
    GROUP BY subscription_id
),
change_events AS (
    SELECT c.subscription_id, c.changed_epoch, c.changes_later, MAX(e.event_id) AS event_id
    FROM changed c
    INNER JOIN told e ON e.subscription_id = c.subscription_id AND e.created_epoch = c.changed_epoch
    GROUP BY c.subscription_id, c.changed_epoch, c.changes_later
),
compared AS (
    SELECT
        i.*,
        s.customer_id,
        s.currency,
        p.product_id,
        COALESCE(d.mrr, 0) AS said_mrr,
        COALESCE(d.contract_mrr, 0) AS said_contract,
        d.starts AS since,
        t.price_id AS last_price,
        t.quantity AS last_quantity,
        d.is_paused AS was_paused,
        e.event_id,
        e.changed_epoch,
        CASE
            WHEN d.starts IS NULL THEN GREATEST(c.counts_from, COALESCE(i.created_epoch, 0))
            WHEN e.changed_epoch > d.starts THEN e.changed_epoch
            WHEN i.excluded_reason = 'paused' THEN LEAST(d.period_end, r.as_of - 1)
            ELSE r.as_of - 1
        END AS effective_epoch
    FROM standing i
    CROSS JOIN ledger_rules r
    INNER JOIN stg_subscriptions s ON s.subscription_id = i.subscription_id
    INNER JOIN counted_times c
        ON c.subscription_id = s.subscription_id AND c.counts_from < r.as_of AND c.counts_until >= r.as_of
    LEFT JOIN stg_prices p ON p.price_id = i.price_id
    LEFT JOIN said d ON d.item_no = i.item_no
    LEFT JOIN line_terms t ON t.term_no = d.term_no
    LEFT JOIN change_events e ON e.subscription_id = i.subscription_id
    WHERE NOT r.is_invoice_basis AND s.end_epoch IS NULL AND COALESCE(e.changes_later, 0) = 0
)
SELECT
    item_id,
    subscription_id,
    customer_id,
    price_id,
    product_id,
    currency,
    effective_epoch,
    mrr - said_mrr AS mrr_change,
    mrr AS mrr_after,
    contract_mrr - said_contract AS contract_mrr_change,
    CASE
        WHEN since IS NULL THEN 'started'
        WHEN excluded_reason = 'removed' THEN 'item_removed'
        WHEN excluded_reason IN ('collection_paused', 'paused') THEN 'paused'
        WHEN excluded_reason = 'past_due' THEN 'past_due'
        WHEN excluded_reason = 'unpaid' THEN 'unpaid'
        WHEN was_paused THEN 'resumed'
        WHEN price_id <> last_price THEN 'price_changed'
        WHEN quantity <> last_quantity THEN 'quantity_changed'
        WHEN contract_mrr = said_contract THEN 'discount_changed'
        ELSE 'current_state'
    END AS reason,
    CASE
        WHEN since IS NULL OR effective_epoch >= r.as_of - 1 THEN item_id
        WHEN effective_epoch = changed_epoch THEN event_id
        ELSE subscription_id
    END AS source_object,
    said_mrr
FROM compared
CROSS JOIN ledger_rules r
-- A coupon that counts once is gone from the subscription as soon as it is on the invoice of its period.
WHERE NOT (
    r.counts_once AND mrr > said_mrr AND said_mrr < said_contract AND contract_mrr = said_contract
    AND COALESCE(changed_epoch, 0) <= since + 86400
)
