-- The instant that is described, as the day of usage that begins there.
SELECT CAST(r.as_of - c.day_begins AS DATE) AS today, CAST(r.usage_days AS INTEGER) AS usage_days
FROM run_clock r
CROSS JOIN usage_clock c
