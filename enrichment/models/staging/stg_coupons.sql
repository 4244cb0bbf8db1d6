-- Coupons; per cent and amount stay text, so that they are read exactly.
SELECT
    id AS coupon_id,
    CAST(percent_off AS VARCHAR) AS percent_off,
    CAST(amount_off AS VARCHAR) AS amount_off,
    LOWER(currency) AS currency,
    duration,
    created,
    CAST(applies_to AS VARCHAR) AS applies_to,
    CAST(currency_options AS VARCHAR) AS currency_options
FROM latest_stripe_coupons
