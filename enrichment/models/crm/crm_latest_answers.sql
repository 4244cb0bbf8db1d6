-- Each contact's latest answer of each kind within the survey window, with the one it gave before at whatever time.
-- An answer that has a date goes before a property that has none.
WITH ranked AS (
    SELECT
        a.*,
        r.as_of - r.survey_days * INTERVAL '1 day' AS window_from,
        ROW_NUMBER() OVER (
            PARTITION BY a.account_id, a.contact_id, a.kind, a.is_dated ORDER BY a.answered_at DESC, a.answer_id DESC
        ) AS place,
        LEAD(a.answer_value) OVER (
            PARTITION BY a.account_id, a.contact_id, a.kind, a.is_dated ORDER BY a.answered_at DESC, a.answer_id DESC
        ) AS value_before
    FROM crm_answers a
    CROSS JOIN run_clock r
    WHERE a.known_at <= r.as_of AND a.answered_at <= r.as_of
),
latest AS (
    SELECT
        *,
        ROW_NUMBER() OVER (
            PARTITION BY account_id, contact_id, kind ORDER BY CASE WHEN is_dated THEN 1 ELSE 2 END
        ) AS choice
    FROM ranked
    WHERE place = 1 AND answered_at > window_from
)
SELECT account_id, contact_id, kind, answer_value, value_before, answered_at
FROM latest
WHERE choice = 1
