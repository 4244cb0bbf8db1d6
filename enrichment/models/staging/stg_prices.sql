-- Prices as listed (with tiers), and those that only an item carries. Texts are empty where Stripe has nothing.
WITH listed AS (
    SELECT
        id AS price_id,
        product AS product_id,
        currency,
        billing_scheme,
        unit_amount_decimal,
        CAST(unit_amount AS VARCHAR) AS unit_amount,
        tiers_mode,
        CAST(tiers AS VARCHAR) AS tiers,
        CAST(currency_options AS VARCHAR) AS currency_options,
        recurring,
        transform_quantity
    FROM latest_stripe_prices
),
carried AS (
    SELECT
        price,
        price ->> 'id' AS price_id,
        ROW_NUMBER() OVER (PARTITION BY (price ->> 'id') ORDER BY id) AS carrier
    FROM latest_stripe_subscription_items
    WHERE (price ->> 'id') IS NOT NULL
),
every_price AS (
    SELECT * FROM listed
    UNION ALL
    SELECT
        price_id,
        price ->> 'product',
        price ->> 'currency',
        price ->> 'billing_scheme',
        price ->> 'unit_amount_decimal',
        price ->> 'unit_amount',
        price ->> 'tiers_mode',
        price ->> 'tiers',
        price ->> 'currency_options',
        price -> 'recurring',
        price -> 'transform_quantity'
    FROM carried
    WHERE carrier = 1 AND price_id NOT IN (SELECT price_id FROM listed)
)
SELECT
    price_id,
    COALESCE(product_id, '') AS product_id,
    COALESCE(LOWER(currency), '') AS currency,
    COALESCE(billing_scheme, '') AS billing_scheme,
    COALESCE(unit_amount_decimal, '') AS unit_amount_decimal,
    COALESCE(unit_amount, '') AS unit_amount,
    COALESCE(tiers_mode, '') AS tiers_mode,
    COALESCE(tiers, '') AS tiers,
    COALESCE(currency_options, '') AS currency_options,
    COALESCE(recurring ->> 'interval', '') AS price_interval,
    COALESCE(recurring ->> 'interval_count', '') AS interval_count,
    COALESCE(recurring ->> 'usage_type', '') AS usage_type,
    COALESCE(transform_quantity ->> 'divide_by', '') AS package_size,
    COALESCE(transform_quantity ->> 'round', '') AS package_round
FROM every_price
