-- Meetings held, connected calls and inbound e-mails, once for each account that they belong to.
SELECT h.account_id, a.kind, a.object_type, a.record_id AS touch_id, a.happened_at, a.known_at
FROM crm_activities a
INNER JOIN crm_homes h ON h.object_type = a.object_type AND h.record_id = a.record_id
WHERE a.is_touch AND a.reason IS NULL
