-- The lines once more, from the instant in their period at which a coupon that counts ran out: without it.
SELECT
    line_id, invoice_id, item_id, subscription_id, currency, price_id, product_id, is_metered, quantity, amount, line_count,
    period_start, period_end, is_proration, is_credit, is_set_aside, invoiced_epoch, own_discounts, shared_discounts,
    discount_amounts, tax_rates, bundle, place
FROM sold_lines
UNION ALL
SELECT
    s.line_id, s.invoice_id, s.item_id, s.subscription_id, s.currency, s.price_id, s.product_id, s.is_metered, s.quantity,
    s.amount, s.line_count, e.ends_epoch, s.period_end, s.is_proration, s.is_credit, s.is_set_aside, s.invoiced_epoch,
    e.own_rest, e.shared_rest, s.discount_amounts, s.tax_rates, s.bundle, s.place
FROM sold_lines s
INNER JOIN discount_ends e
    ON e.own_discounts = s.own_discounts AND e.shared_discounts = s.shared_discounts
    AND e.ends_epoch > s.period_start AND e.ends_epoch < s.period_end
WHERE NOT s.is_credit AND NOT s.is_metered
