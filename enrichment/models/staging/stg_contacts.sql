-- HubSpot contacts with their primary company, which HubSpot keeps in a property of the contact.
SELECT
    id AS contact_id,
    NULLIF(properties ->> 'email', '') AS email,
    CAST(properties AS VARCHAR) AS properties,
    NULLIF(properties ->> 'associatedcompanyid', '') AS company_id
FROM latest_hubspot_contacts
WHERE NOT COALESCE(archived, FALSE)
