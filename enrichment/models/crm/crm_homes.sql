-- The accounts that calls, e-mails, meetings, tickets, deals and survey answers belong to: the record's primary
-- company where it has one; else every linked company that is an account; else the accounts of its contacts.
WITH companies AS (
    SELECT
        l.from_type,
        l.from_id,
        k.account_id,
        l.is_primary,
        MAX(CASE WHEN l.is_primary THEN 1 ELSE 0 END) OVER (PARTITION BY l.from_type, l.from_id) AS has_primary
    FROM crm_links l
    LEFT JOIN crm_companies k ON k.company_id = l.to_id
    WHERE l.to_type = 'companies' AND l.from_type <> 'contacts'
),
decided AS (
    SELECT DISTINCT from_type, from_id FROM companies WHERE account_id IS NOT NULL OR has_primary = 1
)
SELECT DISTINCT from_type AS object_type, from_id AS record_id, account_id
FROM companies
WHERE account_id IS NOT NULL AND (is_primary OR has_primary = 0)
UNION ALL
SELECT DISTINCT l.from_type, l.from_id, c.account_id
FROM crm_links l
INNER JOIN crm_contacts c ON c.contact_id = l.to_id
LEFT JOIN decided d ON d.from_type = l.from_type AND d.from_id = l.from_id
WHERE l.to_type = 'contacts' AND c.account_id IS NOT NULL AND d.from_id IS NULL
