-- What looks like an answer to a survey, with the reason why it is none. is_dated: it says when it was given; the
-- value of a contact's property is known at the contact's last change.
WITH found AS (
    SELECT
        'hubspot_feedback_submissions' AS stream,
        id,
        LOWER(hs_survey_type) AS kind,
        UPPER(COALESCE(hs_response_group, '')) AS response_group,
        COALESCE(hs_value, (CAST(unfit_properties AS JSON) ->> 'hs_value')) AS said,
        COALESCE(hs_submission_timestamp, "createdAt") AS answered_at,
        "createdAt" AS created_at,
        "updatedAt" AS updated_at,
        TRUE AS is_dated
    FROM latest_hubspot_feedback_submissions
    WHERE NOT COALESCE(archived, FALSE) AND UPPER(hs_survey_type) IN ('NPS', 'CSAT')
    UNION ALL
    SELECT
        'hubspot_contacts',
        c.id,
        p.kind,
        '',
        NULLIF(
            COALESCE(
                (CAST(c.properties AS JSON) ->> p.property), (CAST(c.unfit_properties AS JSON) ->> p.property)
            ),
            ''
        ),
        COALESCE(c."updatedAt", c."createdAt"),
        c."createdAt",
        c."updatedAt",
        FALSE
    FROM latest_hubspot_contacts c
    CROSS JOIN crm_survey_properties p
    WHERE NOT COALESCE(c.archived, FALSE)
),
numbered AS (
    SELECT
        *,
        CASE WHEN said ~ '^-?[0-9]{1,9}([.][0-9]+)?$' THEN CAST(said AS DOUBLE PRECISION) END AS said_value
    FROM found
    WHERE is_dated OR said IS NOT NULL
),
scaled AS (
    SELECT
        *,
        CASE
            -- HubSpot's survey of three faces counts 0, 1, 2: told from five steps by the group it puts them in.
            WHEN kind = 'csat'
                AND (
                    (said_value = 0 AND response_group IN ('UNHAPPY', 'DETRACTOR'))
                    OR (said_value = 1 AND response_group IN ('NEUTRAL', 'PASSIVE'))
                    OR (said_value = 2 AND response_group IN ('HAPPY', 'PROMOTER'))
                )
                THEN 1 + 2 * said_value
            ELSE said_value
        END AS answer_value
    FROM numbered
)
SELECT
    stream,
    id,
    kind,
    answer_value,
    answered_at,
    GREATEST(answered_at, created_at) AS known_at,
    is_dated,
    CASE
        WHEN said IS NULL THEN 'The answer has no value.'
        WHEN answer_value IS NULL THEN 'The answer is no number.'
        WHEN kind = 'nps' AND (answer_value < 0 OR answer_value > 10 OR answer_value <> FLOOR(answer_value))
            THEN 'An NPS answer is a whole number from 0 to 10.'
        WHEN kind = 'csat' AND (answer_value < 1 OR answer_value > 5) THEN 'A CSAT answer is a number from 1 to 5.'
        WHEN answered_at IS NULL THEN 'It has no date.'
        WHEN answered_at > updated_at + INTERVAL '1 day' THEN 'It is dated later than its last change.'
    END AS reason
FROM scaled
