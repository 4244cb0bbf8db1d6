-- With what each charge was paid. A card's last day as it was then: networks renew it, and today's says nothing of the past.
WITH read_out AS (
    SELECT
        id,
        payment_method,
        created,
        payment_method_details ->> 'type' AS method_type,
        (payment_method_details -> 'card') ->> 'brand' AS brand,
        (payment_method_details -> 'card') ->> 'last4' AS last4,
        CAST((payment_method_details -> 'card') ->> 'exp_year' AS BIGINT) AS exp_year,
        CAST((payment_method_details -> 'card') ->> 'exp_month' AS BIGINT) AS exp_month
    FROM landed_charge_methods
)
SELECT
    id AS charge_id,
    payment_method AS method_id,
    created AS used_epoch,
    method_type,
    brand || ' ' || last4 AS card_label,
    CASE WHEN exp_month BETWEEN 1 AND 12 AND exp_year BETWEEN 1970 AND 2100
        THEN CAST(
            CAST(CAST(exp_year AS VARCHAR) || '-' || CAST(exp_month AS VARCHAR) || '-01' AS DATE)
            + INTERVAL '1 month' - INTERVAL '1 day' AS DATE
        )
    END AS card_expires_on
FROM read_out
