-- Calls, e-mails, meetings and notes; is_touch: somebody of the customer took part. An activity is known when it
-- has happened and is logged; a meeting whose outcome nobody noted, when it is over.
WITH logged AS (
    SELECT
        'call' AS kind,
        'calls' AS object_type,
        id AS record_id,
        COALESCE(hs_timestamp, "createdAt") AS happened_at,
        "createdAt" AS created_at,
        "updatedAt" AS updated_at,
        CAST(NULL AS TIMESTAMP) AS over_at,
        CASE
            -- HubSpot's own outcome "Connected", the same in every portal.
            WHEN hs_call_disposition IS NOT NULL THEN hs_call_disposition = 'f240bbac-87c9-4f6e-bf70-924b57d47db7'
            ELSE COALESCE(hs_call_status, '') = 'COMPLETED' AND COALESCE(hs_call_duration, '') ~ '^[0-9.]*[1-9][0-9.]*$'
        END AS is_touch
    FROM latest_hubspot_calls
    WHERE NOT COALESCE(archived, FALSE)
    UNION ALL
    SELECT
        'email',
        'emails',
        id,
        COALESCE(hs_timestamp, "createdAt"),
        "createdAt",
        "updatedAt",
        NULL,
        COALESCE(hs_email_direction, '') = 'INCOMING_EMAIL'
    FROM latest_hubspot_emails
    WHERE NOT COALESCE(archived, FALSE)
    UNION ALL
    SELECT
        'meeting',
        'meetings',
        id,
        COALESCE(hs_meeting_start_time, hs_timestamp, "createdAt"),
        "createdAt",
        "updatedAt",
        CASE
            WHEN hs_meeting_outcome IS NULL THEN COALESCE(hs_meeting_end_time, hs_meeting_start_time, hs_timestamp)
        END,
        COALESCE(hs_meeting_outcome, 'COMPLETED') = 'COMPLETED'
    FROM latest_hubspot_meetings
    WHERE NOT COALESCE(archived, FALSE)
    UNION ALL
    SELECT
        'note', 'notes', id, COALESCE(hs_timestamp, "createdAt"), "createdAt", "updatedAt", NULL, FALSE
    FROM latest_hubspot_notes
    WHERE NOT COALESCE(archived, FALSE)
)
SELECT
    kind,
    object_type,
    record_id,
    happened_at,
    GREATEST(happened_at, created_at, over_at) AS known_at,
    is_touch,
    CASE
        WHEN happened_at IS NULL THEN 'It has no date.'
        -- A meeting may well be planned; what is logged afterwards cannot lie ahead.
        WHEN is_touch AND kind <> 'meeting' AND happened_at > updated_at + INTERVAL '1 day'
            THEN 'It is dated later than its last change.'
    END AS reason
FROM logged
