-- Of one month, as the staging model of this name leaves it.
SELECT 'ch_3' || substr(invoice_id, 5) AS charge_id, customer_id, 2900::BIGINT AS amount,
    0::BIGINT AS amount_refunded, currency, CAST(epoch(starts_at) AS BIGINT) + 3600 AS created_epoch,
    CASE WHEN state = 'unpaid' AND no = periods - 1 THEN 'failed' ELSE 'succeeded' END AS status,
    'pi_3' || substr(invoice_id, 5) AS payment_intent
FROM periods WHERE no >= 0 ORDER BY starts_at
