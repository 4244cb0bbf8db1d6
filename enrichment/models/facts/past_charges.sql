-- Charges made by the instant. When money was given back is not read, so that it is not known at a past instant.
SELECT
    c.charge_id, c.customer_id, c.amount, 0 AS amount_refunded, c.currency, c.created_epoch, c.created_at, c.status,
    c.payment_intent
FROM present_stg_charges c
CROSS JOIN rewound_to r
WHERE c.created_epoch <= r.at_epoch
