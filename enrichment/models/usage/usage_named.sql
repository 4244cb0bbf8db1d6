-- How often each event occurs.
SELECT event, CAST(SUM(events) AS BIGINT) AS events
FROM (
    SELECT event, COUNT(*) AS events FROM usage_events GROUP BY event
    UNION ALL
    SELECT event, COUNT(*) AS events FROM meter_events GROUP BY event
) counted
GROUP BY event
