-- A number for every user of an account, by the keys and names that the events have.
SELECT
    key_kind,
    account_key,
    user_id,
    account_no,
    CAST(DENSE_RANK() OVER (ORDER BY account_no, user_id) AS INTEGER) AS user_no
FROM (
    SELECT DISTINCT e.key_kind, e.account_key, e.user_id, k.account_no
    FROM usage_events e
    INNER JOIN usage_keys k ON k.key_kind = e.key_kind AND k.account_key = e.account_key
    WHERE e.user_id IS NOT NULL
) users
