-- Invoice lines that were known at the instant.
SELECT
    line_id, invoice_id, subscription_id, item_id, is_proration, is_credit, price_id, currency, amount, quantity,
    period_start, period_end, discounts, discount_amounts
FROM dated_lines d
CROSS JOIN rewound_to r
WHERE d.known_epoch <= r.at_epoch
