-- What HubSpot's company properties say of usage, as text; known since the record was last changed.
SELECT a.account_id, o.id AS company_id, n.kind, TRIM(o.properties ->> n.property) AS told, o."updatedAt" AS known_at
FROM (SELECT DISTINCT account_id, company_id FROM account_customers) a
INNER JOIN latest_hubspot_companies o ON o.id = a.company_id
INNER JOIN usage_property_names n ON TRIM(o.properties ->> n.property) <> ''
WHERE NOT COALESCE(o.archived, FALSE)
