-- HubSpot contacts with their company: the primary one (type 1), else the only one, else none.
WITH links AS (
    SELECT from_id AS contact_id, to_id AS company_id, MAX(CASE WHEN type_id = '1' THEN 1 ELSE 0 END) AS is_primary
    FROM latest_hubspot_associations
    WHERE from_object_type IN ('contacts', 'contact') AND to_object_type IN ('companies', 'company')
    GROUP BY from_id, to_id
),
ranked AS (
    SELECT
        contact_id,
        company_id,
        is_primary,
        COUNT(*) OVER (PARTITION BY contact_id) AS companies,
        ROW_NUMBER() OVER (PARTITION BY contact_id ORDER BY is_primary DESC, company_id) AS place
    FROM links
)
SELECT
    c.id AS contact_id,
    NULLIF(c.properties ->> 'email', '') AS email,
    CAST(c.properties AS VARCHAR) AS properties,
    r.company_id
FROM latest_hubspot_contacts c
LEFT JOIN ranked r ON r.contact_id = c.id AND r.place = 1 AND (r.is_primary = 1 OR r.companies = 1)
WHERE NOT COALESCE(c.archived, FALSE)
