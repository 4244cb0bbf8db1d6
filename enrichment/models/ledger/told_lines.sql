-- Every line that can be a rate, in numbers. Nearly all are plain: a whole cycle of an item that is listed, sold at its
-- price for its quantity. The others are odd and have no term_no here: they are looked at closely, by themselves.
SELECT
    l.line_id,
    i.item_no,
    CASE
        WHEN n.invoice_id IS NULL AND l.discounts IS NULL AND i.tax_rates IS NULL AND i.item_no IS NOT NULL
            AND NOT l.is_proration
            AND ABS(l.amount - t.cycle_amount) <= 1 AND (l.amount > 0) = (t.cycle_amount > 0)
            AND NOT (l.amount = 0 AND i.trial_end_epoch IS NOT NULL)
            THEN t.term_no
    END AS term_no,
    l.period_start,
    l.period_end
FROM stg_invoice_lines l
LEFT JOIN rejected_lines x ON x.line_id = l.line_id
LEFT JOIN (
    SELECT p.term_no, p.price_id, p.quantity, p.currency, r.cycle_amount
    FROM plain_terms p
    INNER JOIN plain_rates r ON r.term_no = p.term_no
) t
    ON t.price_id = l.price_id AND t.quantity = l.quantity AND t.currency = l.currency
LEFT JOIN listed_items i ON i.item_id = l.item_id AND i.subscription_id = l.subscription_id
LEFT JOIN noted_invoices n ON n.invoice_id = l.invoice_id
WHERE x.line_id IS NULL
