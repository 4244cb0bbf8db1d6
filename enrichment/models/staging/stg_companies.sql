-- HubSpot companies that are not archived.
SELECT
    id AS company_id,
    NULLIF(TRIM(properties ->> 'name'), '') AS name,
    NULLIF(properties ->> 'domain', '') AS domain,
    NULLIF(properties ->> 'hubspot_owner_id', '') AS owner_id,
    CAST(properties AS VARCHAR) AS properties
FROM latest_hubspot_companies
WHERE NOT COALESCE(archived, FALSE)
