-- The last second of each month, at which balances are revalued; of the running month, the last one before as_of.
SELECT
    m.starts_at,
    m.ends_at,
    LEAST(m.ends_at, k.as_of) - INTERVAL '1 second' AS valued_at
FROM months m
CROSS JOIN run_clock k
WHERE m.starts_at < k.as_of
