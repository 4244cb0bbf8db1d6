-- Survey answers and tickets of each account in the CRM, as known at the instant. Where the portal has tickets at all,
-- none of an account's own is a fact. The norm is over the year before the new tickets, or since the CRM knows the
-- company, 30 days at least: it is unknown in a company's first 60 days.
WITH there AS (
    SELECT
        k.account_id,
        r.as_of,
        r.ticket_days,
        COALESCE(f.tickets_since <= r.as_of, FALSE) AS has_tickets,
        k.created_at <= r.as_of - (r.ticket_days + 30) * INTERVAL '1 day' AS has_norm,
        LEAST(CAST(r.as_of AS DATE) - CAST(k.created_at AS DATE) - r.ticket_days, 365) AS norm_days
    FROM crm_companies k
    CROSS JOIN run_clock r
    CROSS JOIN crm_firsts f
    WHERE k.created_at <= r.as_of
)
SELECT
    a.account_id,
    s.nps,
    CAST(s.nps_answers AS BIGINT) AS nps_answers,
    s.csat,
    CAST(s.csat_answers AS BIGINT) AS csat_answers,
    CAST(s.nps_worst AS BIGINT) AS nps_worst,
    s.nps_worst_on,
    CAST(s.nps_drop AS BIGINT) AS nps_drop,
    a.has_tickets,
    CASE WHEN a.has_tickets THEN CAST(COALESCE(t.tickets, 0) AS BIGINT) END AS tickets,
    CASE
        WHEN a.has_tickets AND a.has_norm
            THEN CAST(COALESCE(t.tickets_before, 0) * a.ticket_days AS DOUBLE PRECISION)
                / CAST(a.norm_days AS DOUBLE PRECISION)
    END AS tickets_norm,
    CASE WHEN a.has_tickets THEN CAST(COALESCE(t.pressing_tickets, 0) AS BIGINT) END AS pressing_tickets,
    t.hot_ticket_id,
    CAST(CAST(a.as_of AS DATE) - CAST(t.hot_opened_at AS DATE) AS BIGINT) AS hot_ticket_days
FROM there a
LEFT JOIN crm_answer_sums s ON s.account_id = a.account_id
LEFT JOIN crm_ticket_sums t ON t.account_id = a.account_id
