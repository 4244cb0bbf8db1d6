-- Days on which each user was seen, by the day at whose end that was known.
SELECT DISTINCT
    u.account_no,
    u.user_no,
    CAST(e."at" - c.day_begins AS DATE) AS used_on,
    CAST(GREATEST(e.known_at, e."at") - c.day_begins + INTERVAL '1 day' - INTERVAL '1 microsecond' AS DATE) AS known_on
FROM usage_events e
CROSS JOIN usage_clock c
INNER JOIN usage_users u
    ON u.key_kind = e.key_kind AND u.account_key = e.account_key AND u.user_id = e.user_id
WHERE e.quantity > 0
