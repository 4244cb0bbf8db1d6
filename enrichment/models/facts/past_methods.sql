-- Ways to pay that were known at the instant. A card's last day is that of its last charge by then: that of today may
-- have been renewed since, by those who stayed. What the customer paid with last was there, though it may be gone now.
WITH used AS (
    SELECT
        m.*,
        c.customer_id,
        MIN(m.used_epoch) OVER (PARTITION BY m.method_id) AS first_used,
        ROW_NUMBER() OVER (PARTITION BY m.method_id ORDER BY m.used_epoch DESC, m.charge_id) AS place,
        ROW_NUMBER() OVER (PARTITION BY c.customer_id ORDER BY m.used_epoch DESC, m.charge_id) AS customer_place
    FROM charge_methods m
    INNER JOIN stg_charges c ON c.charge_id = m.charge_id
    WHERE m.method_id IS NOT NULL
)
SELECT p.method_id, p.customer_id, p.created_epoch, p.method_type, p.card_label, u.card_expires_on,
    GREATEST(p.created_epoch, COALESCE(u.used_epoch, 0)) AS chosen_epoch
FROM present_stg_payment_methods p
CROSS JOIN rewound_to r
LEFT JOIN used u ON u.method_id = p.method_id AND u.place = 1
WHERE p.created_epoch <= r.at_epoch
UNION ALL
SELECT u.method_id, u.customer_id, u.first_used, u.method_type, u.card_label, u.card_expires_on, u.used_epoch
FROM used u
WHERE u.customer_place = 1 AND u.method_id NOT IN (SELECT method_id FROM present_stg_payment_methods)
