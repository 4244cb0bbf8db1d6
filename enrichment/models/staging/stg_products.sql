-- Stripe products.
SELECT id AS product_id, name AS product_name
FROM latest_stripe_products
