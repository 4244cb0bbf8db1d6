-- Tickets once for each account that they belong to.
SELECT h.account_id, t.ticket_id, t.opened_at, t.known_at, t.closed_at, t.is_high, t.stated_at
FROM crm_ticket_rows t
INNER JOIN crm_homes h ON h.object_type = 'tickets' AND h.record_id = t.ticket_id
WHERE t.reason IS NULL
