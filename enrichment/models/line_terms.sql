-- The distinct terms on which lines were sold: a few thousand, however many lines there are.
SELECT DISTINCT
    bundle, place, price_id, quantity, currency, own_discounts, shared_discounts, tax_rates, is_proration
FROM sold_lines
WHERE NOT is_metered
