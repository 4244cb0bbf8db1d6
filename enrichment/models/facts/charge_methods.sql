-- With what each charge was paid, or was to be: a card as it was then, as networks renew cards and today's last day says
-- nothing of the past. A direct debit says no up to 14 business days later.
SELECT
    id AS charge_id,
    customer AS customer_id,
    payment_method AS method_id,
    created AS used_epoch,
    CASE WHEN status = 'failed'
        THEN created + CASE
            WHEN method_type LIKE '%debit%' OR method_type LIKE '%bank_account' THEN 21 * 86400 ELSE 0
        END
    END AS refused_epoch,
    card_brand || ' ' || card_last4 AS card_label,
    CASE WHEN CAST(card_exp_month AS BIGINT) BETWEEN 1 AND 12 AND CAST(card_exp_year AS BIGINT) BETWEEN 1970 AND 2100
        THEN CAST(
            CAST(card_exp_year || '-' || card_exp_month || '-01' AS DATE) + INTERVAL '1 month' - INTERVAL '1 day' AS DATE
        )
    END AS card_expires_on
FROM latest_stripe_charges
WHERE created IS NOT NULL AND (payment_method IS NOT NULL OR status = 'failed')
