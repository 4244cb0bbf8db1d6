-- The HubSpot company of each account, with the time from which the CRM knows it.
SELECT DISTINCT
    a.account_id,
    a.company_id,
    COALESCE(c."createdAt", TIMESTAMP '1970-01-01 00:00:00') AS created_at
FROM account_customers a
INNER JOIN latest_hubspot_companies c ON c.id = a.company_id
WHERE NOT COALESCE(c.archived, FALSE)
