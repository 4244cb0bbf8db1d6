-- The contacts in each touch of an account. One whose own company is another account does not count here.
SELECT t.account_id, c.contact_id, t.happened_at, t.known_at
FROM crm_touches t
INNER JOIN crm_links l ON l.from_type = t.object_type AND l.from_id = t.touch_id AND l.to_type = 'contacts'
INNER JOIN crm_contacts c ON c.contact_id = l.to_id
WHERE NOT c.is_unclear AND (c.account_id IS NULL OR c.account_id = t.account_id)
