-- Tickets, each with the reason why it cannot be counted. A ticket is known when it is opened; that it is closed,
-- from its closing date on (its last change, when the pipeline closes it without a date). Its priority has no date:
-- it is known at stated_at, the last change.
WITH told AS (
    SELECT
        t.id AS ticket_id,
        COALESCE(t.createdate, t."createdAt") AS opened_at,
        GREATEST(t.createdate, t."createdAt") AS known_at,
        t.closed_date,
        t."updatedAt" AS updated_at,
        COALESCE(t.hs_ticket_priority, '') IN ('HIGH', 'URGENT') AS is_high,
        COALESCE(s.is_closed, t.closed_date IS NOT NULL) AS is_closed
    FROM latest_hubspot_tickets t
    LEFT JOIN crm_stages s
        ON s.object_type = 'tickets' AND s.pipeline_id = t.hs_pipeline AND s.stage_id = t.hs_pipeline_stage
    WHERE NOT COALESCE(t.archived, FALSE)
)
SELECT
    ticket_id,
    opened_at,
    known_at,
    CASE WHEN is_closed THEN COALESCE(LEAST(closed_date, updated_at), opened_at) END AS closed_at,
    is_high,
    COALESCE(updated_at, known_at) AS stated_at,
    CASE
        WHEN opened_at IS NULL THEN 'It has no date.'
        WHEN opened_at > updated_at + INTERVAL '1 day' THEN 'It is dated later than its last change.'
    END AS reason
FROM told
