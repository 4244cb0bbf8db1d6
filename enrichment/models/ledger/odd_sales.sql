-- What the odd lines sold, numbered, and once more from the instant in their period at which a coupon that counts ran
-- out: without it.
SELECT CAST(ROW_NUMBER() OVER () AS INTEGER) AS odd_no, b.*
FROM (
    SELECT * FROM kept_sales
    UNION ALL
    SELECT
        s.line_id, s.invoice_id, s.item_no, s.item_id, s.subscription_id, s.currency, s.price_id, s.is_metered,
        s.quantity, s.amount, s.line_count, e.ends_epoch, s.period_end, s.is_proration, s.is_credit, s.is_set_aside, e.own_rest,
        e.shared_rest, s.discount_amounts, s.tax_rates, s.bundle, s.place
    FROM kept_sales s
    INNER JOIN discount_ends e
        ON e.own_discounts = s.own_discounts AND e.shared_discounts = s.shared_discounts
        AND e.ends_epoch > s.period_start AND e.ends_epoch < s.period_end
    WHERE NOT s.is_credit AND NOT s.is_metered
) b
