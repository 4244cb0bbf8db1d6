-- The distinct terms on which lines were sold: far fewer than there are lines.
SELECT * FROM plain_terms
UNION ALL
SELECT
    CAST(m.last_no + ROW_NUMBER() OVER () AS INTEGER),
    o.bundle, o.place, o.price_id, o.quantity, o.currency, o.own_discounts, o.shared_discounts, o.tax_rates,
    o.is_proration
FROM (
    SELECT DISTINCT
        bundle, place, price_id, quantity, currency, own_discounts, shared_discounts, tax_rates, is_proration
    FROM odd_sales
) o
CROSS JOIN (SELECT COALESCE(MAX(term_no), 0) AS last_no FROM plain_terms) m
