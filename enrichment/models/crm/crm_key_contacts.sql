-- Each account's champion or decision maker in the best state (there, bounced, left), as known at the instant.
WITH known AS (
    SELECT
        c.account_id,
        c.contact_id,
        c.name,
        c.is_champion,
        CASE WHEN c.left_at <= r.as_of THEN 'left' WHEN c.is_bounced THEN 'bounced' ELSE 'present' END AS state,
        CASE WHEN c.left_at <= r.as_of THEN c.left_at WHEN c.is_bounced THEN c.known_at END AS lost_at
    FROM crm_contacts c
    CROSS JOIN run_clock r
    WHERE c.account_id IS NOT NULL AND (c.is_champion OR c.is_decider) AND c.known_at <= r.as_of
),
ranked AS (
    SELECT
        *,
        ROW_NUMBER() OVER (
            PARTITION BY account_id
            ORDER BY
                CASE state WHEN 'present' THEN 1 WHEN 'bounced' THEN 2 ELSE 3 END,
                lost_at DESC,
                CASE WHEN is_champion THEN 1 ELSE 2 END,
                contact_id
        ) AS place
    FROM known
)
SELECT account_id, contact_id, name, state, lost_at
FROM ranked
WHERE place = 1
