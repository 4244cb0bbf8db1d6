-- Tickets of each account that has or had any: new ones, those of the year before them, and what is open at the
-- instant. A priority counts only where it was known by then.
WITH known AS (
    SELECT
        t.account_id,
        t.ticket_id,
        t.opened_at,
        t.opened_at > r.as_of - r.ticket_days * INTERVAL '1 day' AS is_new,
        t.opened_at > r.as_of - (r.ticket_days + 365) * INTERVAL '1 day' AS is_recent,
        COALESCE(t.closed_at > r.as_of, TRUE) AS is_open,
        t.is_high AND t.stated_at <= r.as_of AS is_high,
        t.opened_at < r.as_of - r.ticket_old_days * INTERVAL '1 day' AS is_old
    FROM crm_tickets t
    CROSS JOIN run_clock r
    WHERE t.known_at <= r.as_of AND t.opened_at <= r.as_of
),
ranked AS (
    SELECT
        *,
        ROW_NUMBER() OVER (
            PARTITION BY account_id
            ORDER BY CASE WHEN is_open AND is_high THEN 1 ELSE 2 END, opened_at, ticket_id
        ) AS place
    FROM known
)
SELECT
    account_id,
    SUM(CASE WHEN is_new THEN 1 ELSE 0 END) AS tickets,
    SUM(CASE WHEN is_recent AND NOT is_new THEN 1 ELSE 0 END) AS tickets_before,
    SUM(CASE WHEN is_open AND (is_high OR is_old) THEN 1 ELSE 0 END) AS pressing_tickets,
    MAX(CASE WHEN place = 1 AND is_open AND is_high THEN ticket_id END) AS hot_ticket_id,
    MAX(CASE WHEN place = 1 AND is_open AND is_high THEN opened_at END) AS hot_opened_at
FROM ranked
GROUP BY account_id
