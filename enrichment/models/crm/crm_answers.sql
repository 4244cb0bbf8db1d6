-- Answers to NPS (0 to 10) and CSAT (1 to 5) surveys, each of a contact of an account.
WITH answered AS (
    SELECT s.*, l.to_id AS contact_id
    FROM crm_survey_rows s
    INNER JOIN crm_links l ON l.from_type = 'feedback_submissions' AND l.from_id = s.id AND l.to_type = 'contacts'
    WHERE s.is_dated AND s.reason IS NULL
    UNION ALL
    SELECT s.*, s.id FROM crm_survey_rows s WHERE NOT s.is_dated AND s.reason IS NULL
)
SELECT
    c.account_id,
    a.contact_id,
    a.kind,
    a.id AS answer_id,
    a.answer_value,
    a.answered_at,
    a.known_at,
    a.is_dated
FROM answered a
INNER JOIN crm_contacts c ON c.contact_id = a.contact_id
WHERE c.account_id IS NOT NULL
