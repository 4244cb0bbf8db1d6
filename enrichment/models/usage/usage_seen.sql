-- How many rows of usage name each account key.
SELECT key_kind, account_key, SUM(events) AS events
FROM (
    SELECT key_kind, account_key, COUNT(*) AS events FROM usage_events GROUP BY key_kind, account_key
    UNION ALL
    SELECT key_kind, account_key, COUNT(*) AS events FROM meter_events GROUP BY key_kind, account_key
) counted
GROUP BY key_kind, account_key
