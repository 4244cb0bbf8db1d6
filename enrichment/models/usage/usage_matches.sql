-- How many accounts each account key may mean, and the only one if it is one.
SELECT key_kind, account_key, MIN(account_id) AS account_id, COUNT(*) AS accounts
FROM usage_holders
GROUP BY key_kind, account_key
