-- Since when the portal logs activities and has tickets; null where it has none.
SELECT
    (SELECT MIN(known_at) FROM crm_activities WHERE reason IS NULL) AS activities_since,
    (SELECT MIN(known_at) FROM crm_ticket_rows WHERE reason IS NULL) AS tickets_since
