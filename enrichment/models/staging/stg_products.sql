-- Stripe products. unit_label: the seller's word for one unit.
SELECT id AS product_id, name AS product_name, NULLIF(TRIM(unit_label), '') AS unit_label
FROM latest_stripe_products
