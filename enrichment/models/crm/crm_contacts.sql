-- Contacts with their account (null: their company is none) and what the CRM says of their part in it.
-- known_at: when the undated rest (roles, bounces) was last changed. left_at has a date of its own.
WITH told AS (
    SELECT
        c.id AS contact_id,
        c."createdAt" AS created_at,
        COALESCE(c."updatedAt", c."createdAt") AS known_at,
        NULLIF((CAST(c.properties AS JSON) ->> 'firstname'), '') AS first_name,
        NULLIF((CAST(c.properties AS JSON) ->> 'lastname'), '') AS last_name,
        NULLIF((CAST(c.properties AS JSON) ->> 'email'), '') AS email,
        ';' || UPPER(COALESCE((CAST(c.properties AS JSON) ->> 'hs_buying_role'), '')) || ';' AS roles,
        NULLIF((CAST(c.properties AS JSON) ->> 'hs_email_hard_bounce_reason_enum'), '') AS bounce_reason,
        COALESCE((CAST(c.properties AS JSON) ->> 'hs_email_bounce'), '0') AS bounces,
        COALESCE((CAST(c.properties AS JSON) ->> 'hs_email_delivered'), '0') AS deliveries,
        (CAST(c.properties AS JSON) ->> 'hs_employment_change_detected_date') AS left_text
    FROM latest_hubspot_contacts c
    WHERE NOT COALESCE(c.archived, FALSE)
),
dated AS (
    SELECT
        *,
        CASE
            WHEN left_text ~ '^(19[7-9][0-9]|20[0-9][0-9])-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])(T.*)?$'
                THEN CAST(SUBSTRING(left_text, 1, 10) AS TIMESTAMP)
        END AS left_on
    FROM told
)
SELECT
    d.contact_id,
    k.account_id,
    COALESCE(h.is_unclear, FALSE) AS is_unclear,
    COALESCE(NULLIF(TRIM(COALESCE(d.first_name, '') || ' ' || COALESCE(d.last_name, '')), ''), d.email) AS name,
    d.roles LIKE '%;CHAMPION;%' AS is_champion,
    d.roles LIKE '%;DECISION_MAKER;%' AS is_decider,
    -- Bounces alone may be passing ones: they count where no mail ever arrived.
    d.bounce_reason IS NOT NULL OR (d.bounces NOT IN ('0', '0.0') AND d.deliveries IN ('0', '0.0')) AS is_bounced,
    -- The day itself has no hour: it counts as known when it is over.
    d.left_on + INTERVAL '1 day' AS left_at,
    d.created_at,
    d.known_at
FROM dated d
LEFT JOIN crm_contact_homes h ON h.contact_id = d.contact_id
LEFT JOIN crm_companies k ON k.company_id = h.company_id
