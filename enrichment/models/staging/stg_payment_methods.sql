-- Payment methods attached to customers. card_expires_on: the last day on which a card can be charged.
-- chosen_epoch: where no method is the default, the latest stands.
WITH read_out AS (
    SELECT
        id,
        customer,
        created,
        type,
        card ->> 'brand' AS brand,
        card ->> 'last4' AS last4,
        CAST(card ->> 'exp_year' AS BIGINT) AS exp_year,
        CAST(card ->> 'exp_month' AS BIGINT) AS exp_month
    FROM latest_stripe_payment_methods
)
SELECT
    id AS method_id,
    customer AS customer_id,
    created AS created_epoch,
    type AS method_type,
    brand || ' ' || last4 AS card_label,
    CASE WHEN exp_month BETWEEN 1 AND 12 AND exp_year BETWEEN 1970 AND 2100
        THEN CAST(
            CAST(CAST(exp_year AS VARCHAR) || '-' || CAST(exp_month AS VARCHAR) || '-01' AS DATE)
            + INTERVAL '1 month' - INTERVAL '1 day' AS DATE
        )
    END AS card_expires_on,
    created AS chosen_epoch
FROM read_out
