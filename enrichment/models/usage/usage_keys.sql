-- The account of every account key that means exactly one; account_no stands for its id in the large tables.
SELECT
    key_kind,
    account_key,
    account_id,
    CAST(DENSE_RANK() OVER (ORDER BY account_id) AS INTEGER) AS account_no
FROM usage_matches
WHERE accounts = 1
