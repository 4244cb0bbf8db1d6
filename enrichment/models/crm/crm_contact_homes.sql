-- The company that each contact counts for: its primary one; without one, the only account among its companies.
-- is_unclear: several of its companies are accounts and none is the primary one.
WITH linked AS (
    SELECT from_id AS contact_id, to_id AS company_id, is_primary, 1 AS place
    FROM crm_links
    WHERE from_type = 'contacts' AND to_type = 'companies'
    UNION ALL
    -- HubSpot repeats the primary company in a property; without the links it is all there is.
    SELECT id, NULLIF((CAST(properties AS JSON) ->> 'associatedcompanyid'), ''), TRUE, 2
    FROM latest_hubspot_contacts
),
counted AS (
    SELECT
        l.contact_id,
        MAX(CASE WHEN l.is_primary AND l.place = 1 THEN l.company_id END) AS linked_primary,
        MAX(CASE WHEN l.place = 2 THEN l.company_id END) AS named_primary,
        COUNT(DISTINCT k.company_id) AS accounts,
        MIN(k.company_id) AS first_account
    FROM linked l
    LEFT JOIN crm_companies k ON k.company_id = l.company_id
    WHERE l.company_id IS NOT NULL
    GROUP BY l.contact_id
),
judged AS (
    SELECT contact_id, accounts, first_account, COALESCE(linked_primary, named_primary) AS primary_company
    FROM counted
)
SELECT
    contact_id,
    CASE WHEN primary_company IS NOT NULL THEN primary_company WHEN accounts = 1 THEN first_account END AS company_id,
    primary_company IS NULL AND accounts > 1 AS is_unclear
FROM judged
