-- Decision makers who came to an account within the window, on a later day than its first contacts; the last of them.
WITH firsts AS (
    SELECT account_id, MIN(CAST(created_at AS DATE)) AS first_day
    FROM crm_contacts
    WHERE account_id IS NOT NULL
    GROUP BY account_id
),
ranked AS (
    SELECT
        c.account_id,
        c.contact_id,
        c.name,
        ROW_NUMBER() OVER (PARTITION BY c.account_id ORDER BY c.created_at DESC, c.contact_id) AS place
    FROM crm_contacts c
    CROSS JOIN run_clock r
    INNER JOIN firsts f ON f.account_id = c.account_id
    WHERE c.is_decider
        AND NOT c.is_bounced
        AND COALESCE(c.left_at > r.as_of, TRUE)
        AND c.known_at <= r.as_of
        AND c.created_at <= r.as_of
        AND c.created_at > r.as_of - r.touch_days * INTERVAL '1 day'
        AND CAST(c.created_at AS DATE) > f.first_day
)
SELECT account_id, contact_id, name
FROM ranked
WHERE place = 1
