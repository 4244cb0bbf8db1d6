-- Touches and key contacts of each account in the CRM, as known at the instant. Where activities are logged at all,
-- none of an account's own is a fact.
WITH ranked AS (
    SELECT
        t.account_id,
        t.kind,
        t.touch_id,
        t.happened_at,
        ROW_NUMBER() OVER (PARTITION BY t.account_id ORDER BY t.happened_at DESC, t.kind, t.touch_id) AS place
    FROM crm_touches t
    CROSS JOIN run_clock r
    WHERE t.known_at <= r.as_of AND t.happened_at <= r.as_of
),
engaged AS (
    SELECT t.account_id, COUNT(DISTINCT t.contact_id) AS contacts
    FROM crm_touch_contacts t
    CROSS JOIN run_clock r
    WHERE t.known_at <= r.as_of
        AND t.happened_at <= r.as_of
        AND t.happened_at > r.as_of - r.touch_days * INTERVAL '1 day'
    GROUP BY t.account_id
),
there AS (
    SELECT k.account_id, r.as_of, COALESCE(f.activities_since <= r.as_of, FALSE) AS has_engagements
    FROM crm_companies k
    CROSS JOIN run_clock r
    CROSS JOIN crm_firsts f
    WHERE k.created_at <= r.as_of
)
SELECT
    a.account_id,
    CAST(CAST(a.as_of AS DATE) - CAST(t.happened_at AS DATE) AS BIGINT) AS days_since_touch,
    t.kind AS last_touch_kind,
    t.touch_id AS last_touch_id,
    a.has_engagements,
    CASE WHEN a.has_engagements THEN CAST(COALESCE(e.contacts, 0) AS BIGINT) END AS engaged_contacts,
    p.state AS key_contact_state,
    p.contact_id AS key_contact_id,
    p.name AS key_contact_name,
    CAST(CAST(a.as_of AS DATE) - CAST(p.lost_at AS DATE) AS BIGINT) AS key_contact_lost_days,
    d.contact_id AS new_decision_maker_id,
    d.name AS new_decision_maker_name
FROM there a
LEFT JOIN ranked t ON t.account_id = a.account_id AND t.place = 1
LEFT JOIN engaged e ON e.account_id = a.account_id
LEFT JOIN crm_key_contacts p ON p.account_id = a.account_id
LEFT JOIN crm_new_deciders d ON d.account_id = a.account_id
