-- The instant in epoch seconds.
SELECT CAST(FLOOR(EXTRACT(EPOCH FROM as_of)) AS BIGINT) AS at_epoch FROM run_clock
