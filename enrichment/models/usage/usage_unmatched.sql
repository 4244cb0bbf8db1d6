-- Account keys whose usage counts for nobody, and why.
SELECT
    s.key_kind,
    s.account_key,
    CASE
        WHEN m.accounts > 1 THEN 'Several accounts have it: ' || CAST(m.accounts AS VARCHAR) || '.'
        ELSE 'No account has it.'
    END AS reason,
    CAST(s.events AS BIGINT) AS events
FROM usage_seen s
LEFT JOIN usage_matches m ON m.key_kind = s.key_kind AND m.account_key = s.account_key
WHERE COALESCE(m.accounts, 0) <> 1
