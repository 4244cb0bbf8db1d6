-- As the staging model of this name leaves it, or the part before the ledger.
SELECT
    i.item_id,
    i.plan_name = 'metered' AS metered,
    r.contract_mrr,
    CASE WHEN i.ended_at IS NOT NULL OR i.state IN ('paused', 'unpaid') THEN 0 ELSE r.mrr END AS mrr,
    CASE WHEN i.ended_at IS NOT NULL THEN 'canceled' WHEN i.state = 'paused' THEN 'collection_paused'
        WHEN i.state = 'unpaid' THEN 'unpaid' END AS excluded_reason
FROM items i
INNER JOIN rates r ON r.price_id = i.price_id AND r.quantity = i.later_quantity
    AND r.coupon_id = COALESCE(i.coupon_id, '')
