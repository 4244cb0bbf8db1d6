-- HubSpot owners, archived ones too: a company may still name one.
SELECT
    id AS owner_id,
    COALESCE(NULLIF(TRIM(COALESCE("firstName", '') || ' ' || COALESCE("lastName", '')), ''), email) AS owner_name
FROM latest_hubspot_owners
