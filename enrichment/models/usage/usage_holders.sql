-- The accounts that each account key may mean, one row for each.
WITH properties AS (
    SELECT DISTINCT
        key_kind,
        CASE WHEN key_kind LIKE 'hubspot.%' THEN SUBSTR(key_kind, 9) ELSE SUBSTR(key_kind, 17) END AS property,
        key_kind LIKE 'hubspot.%' AS is_hubspot
    FROM usage_seen
    WHERE key_kind LIKE 'hubspot.%' OR key_kind LIKE 'stripe.metadata.%'
),
found AS (
    SELECT 'stripe_customer_id' AS key_kind, customer_id AS found_key, account_id FROM account_customers
    UNION ALL
    SELECT 'company_id', company_id, account_id FROM account_customers
    UNION ALL
    SELECT 'account_id', account_id, account_id FROM account_customers
    UNION ALL
    SELECT 'domain', LOWER(TRIM(o.domain)), a.account_id
    FROM account_customers a
    INNER JOIN stg_companies o ON o.company_id = a.company_id
    UNION ALL
    SELECT p.key_kind, TRIM(CAST(o.properties AS JSON) ->> p.property), a.account_id
    FROM account_customers a
    INNER JOIN stg_companies o ON o.company_id = a.company_id
    INNER JOIN properties p ON p.is_hubspot
    UNION ALL
    SELECT p.key_kind, TRIM(CAST(c.metadata AS JSON) ->> p.property), a.account_id
    FROM account_customers a
    INNER JOIN stg_customers c ON c.customer_id = a.customer_id
    INNER JOIN properties p ON NOT p.is_hubspot
)
SELECT DISTINCT s.key_kind, s.account_key, f.account_id
FROM usage_seen s
INNER JOIN found f ON f.key_kind = s.key_kind
    AND f.found_key = CASE WHEN s.key_kind = 'domain' THEN LOWER(TRIM(s.account_key)) ELSE TRIM(s.account_key) END
