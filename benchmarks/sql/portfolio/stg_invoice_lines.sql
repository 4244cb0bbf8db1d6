-- Of one month, as the staging model of this name leaves it.
SELECT
    'il_1' || substr(md5(item_id || no || kind), 1, 24) AS line_id, invoice_id, subscription_id, item_id,
    kind <> 'cycle' AS is_proration, kind = 'credit' AS is_credit, price_id, currency,
    CAST(amount AS BIGINT) AS amount, CAST(quantity AS VARCHAR) AS quantity,
    CAST(epoch(starts_at) AS BIGINT) AS period_start, CAST(epoch(ends_at) AS BIGINT) AS period_end,
    CAST(NULL AS VARCHAR) AS discounts,
    CASE WHEN coupon_id IS NOT NULL THEN '[{"amount":' || CAST(amount // 5 AS BIGINT) || ',"discount":"'
        || discount_id || '"}]' END AS discount_amounts
FROM (
    SELECT item_id, no, 'cycle' AS kind, invoice_id, subscription_id, price_id, currency,
        CASE WHEN no = -1 THEN 0 WHEN plan_name = 'metered' THEN h(i, 30) * 7 ELSE cycle_amount END AS amount,
        quantity, starts_at, ends_at, coupon_id, discount_id, starts_at AS invoiced_at
    FROM sold
    UNION ALL
    SELECT item_id, no, 'credit', invoice_id, subscription_id, price_id, currency,
        -round(first_quantity * units * share), first_quantity, changed_at, until_at, coupon_id, discount_id,
        starts_at
    FROM changed
    UNION ALL
    SELECT item_id, no, 'debit', invoice_id, subscription_id, price_id, currency,
        round(later_quantity * units * share), later_quantity, changed_at, until_at, coupon_id, discount_id,
        starts_at
    FROM changed
) ORDER BY invoiced_at
