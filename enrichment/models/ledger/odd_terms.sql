-- Which item each odd line sold, and on which terms.
SELECT s.odd_no, COALESCE(s.item_no, i.item_no) AS item_no, t.term_no
FROM odd_sales s
LEFT JOIN sold_items i
    ON s.item_no IS NULL AND i.item_id = s.item_id AND i.subscription_id = s.subscription_id
INNER JOIN line_terms t
    ON t.bundle = s.bundle AND t.place = s.place AND t.price_id = s.price_id AND t.quantity = s.quantity
    AND t.currency = s.currency AND t.own_discounts = s.own_discounts
    AND t.shared_discounts = s.shared_discounts AND t.tax_rates = s.tax_rates AND t.is_proration = s.is_proration
    AND t.term_no NOT IN (SELECT term_no FROM plain_terms)
