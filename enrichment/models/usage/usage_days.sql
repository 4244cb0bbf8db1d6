-- Usage per account and day, by the day at whose end it was known. A row of
-- 0 says that nothing was used.
SELECT
    k.account_no,
    CAST(e."at" - c.day_begins AS DATE) AS used_on,
    CAST(GREATEST(e.known_at, e."at") - c.day_begins + INTERVAL '1 day' - INTERVAL '1 microsecond' AS DATE) AS known_on,
    SUM(CASE WHEN o.event IS NULL THEN 0 ELSE e.quantity END) AS core_events,
    MAX(e.quantity) > 0 AS is_used,
    COUNT(e.user_id) > 0 AS names_users
FROM (
    SELECT key_kind, account_key, user_id, event, "at", quantity, known_at FROM usage_events
    UNION ALL
    SELECT key_kind, account_key, user_id, event, "at", quantity, known_at FROM meter_events
) e
CROSS JOIN usage_clock c
INNER JOIN usage_keys k ON k.key_kind = e.key_kind AND k.account_key = e.account_key
LEFT JOIN usage_core o ON o.event = e.event
GROUP BY 1, 2, 3
