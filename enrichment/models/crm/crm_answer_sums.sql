-- Answers of each account in one row. nps_drop: of the contacts that answered before, the largest fall, 0 if none fell.
WITH placed AS (
    SELECT
        *,
        ROW_NUMBER() OVER (
            PARTITION BY account_id, kind ORDER BY answer_value, answered_at DESC, contact_id
        ) AS place
    FROM crm_latest_answers
)
SELECT
    account_id,
    AVG(CASE WHEN kind = 'nps' THEN answer_value END) AS nps,
    COUNT(CASE WHEN kind = 'nps' THEN 1 END) AS nps_answers,
    AVG(CASE WHEN kind = 'csat' THEN answer_value END) AS csat,
    COUNT(CASE WHEN kind = 'csat' THEN 1 END) AS csat_answers,
    MIN(CASE WHEN kind = 'nps' THEN answer_value END) AS nps_worst,
    MAX(CASE WHEN kind = 'nps' AND place = 1 THEN CAST(answered_at AS DATE) END) AS nps_worst_on,
    MAX(CASE WHEN kind = 'nps' AND value_before IS NOT NULL THEN GREATEST(value_before - answer_value, 0) END)
        AS nps_drop
FROM placed
GROUP BY account_id
