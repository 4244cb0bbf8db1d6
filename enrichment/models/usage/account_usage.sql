-- One row per account that was seen in the usage data, or of which HubSpot tells; see docs/health.md. An account that
-- only ever had rows of 0 is idle since the first one. core_events_before is the mean of the three windows before the
-- last one; of a shorter history it is what there was, per 28 days.
WITH told AS (
    SELECT
        h.account_id,
        h.core_events,
        CASE
            WHEN h.last_active_at <= r.as_of
            THEN FLOOR(EXTRACT(EPOCH FROM (r.as_of - h.last_active_at)) / 86400)
        END AS days_idle
    FROM usage_properties h
    CROSS JOIN run_clock r
    WHERE h.known_at <= r.as_of
)
SELECT
    s.account_id,
    s.core_0 AS core_events,
    CASE
        WHEN s.history_days >= s.usage_days
        THEN (s.core_1 + s.core_2 + s.core_3) * s.usage_days
            / (LEAST(s.history_days + 1, 4 * s.usage_days) - s.usage_days)
    END AS core_events_before,
    CAST(s.history_days AS BIGINT) AS usage_history_days,
    CAST(s.active_users AS BIGINT) AS active_users,
    CAST(COALESCE(s.days_since_used, s.history_days) AS BIGINT) AS days_idle,
    COALESCE(s.weeks, 0) >= 9 AS is_weekly_user,
    CASE
        WHEN s.events_0 IS NOT NULL OR s.seats_0 IS NOT NULL
        THEN CAST(
            CASE WHEN GREATEST(s.events_0, s.seats_0) >= 0.8 THEN 1 ELSE 0 END
            + CASE WHEN GREATEST(s.events_1, s.seats_1) >= 0.8 THEN 1 ELSE 0 END
            + CASE WHEN GREATEST(s.events_2, s.seats_2) >= 0.8 THEN 1 ELSE 0 END
            AS BIGINT
        )
    END AS limit_months,
    GREATEST(s.events_0, s.seats_0) AS limit_share,
    CASE
        WHEN s.events_0 >= COALESCE(s.seats_0, 0) THEN 'events'
        WHEN s.seats_0 IS NOT NULL THEN 'seats'
    END AS limit_kind
FROM usage_shares s
UNION ALL
SELECT
    t.account_id,
    t.core_events,
    CAST(NULL AS DOUBLE PRECISION),
    CAST(NULL AS BIGINT),
    CAST(NULL AS BIGINT),
    CAST(t.days_idle AS BIGINT),
    CAST(NULL AS BOOLEAN),
    CAST(NULL AS BIGINT),
    CAST(NULL AS DOUBLE PRECISION),
    CAST(NULL AS VARCHAR)
FROM told t
LEFT JOIN usage_shares s ON s.account_id = t.account_id
WHERE s.account_id IS NULL
