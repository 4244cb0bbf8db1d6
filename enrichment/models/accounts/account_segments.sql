-- Every account's value of every declared segment, '(none)' where it has none. Of customers that disagree the one
-- with the smallest id that has a value stands.
WITH known AS (
    SELECT account_id FROM account_customers
    UNION
    SELECT account_id FROM mrr_ledger
),
found AS (
    SELECT a.account_id, s.segment, a.customer_id, (CAST(c.metadata AS JSON) ->> s.property) AS segment_value
    FROM account_customers a
    INNER JOIN stg_customers c ON c.customer_id = a.customer_id
    INNER JOIN segment_sources s ON s.origin = 'stripe.metadata'
    UNION ALL
    SELECT a.account_id, s.segment, a.customer_id, (CAST(o.properties AS JSON) ->> s.property)
    FROM account_customers a
    INNER JOIN stg_companies o ON o.company_id = a.company_id
    INNER JOIN segment_sources s ON s.origin = 'hubspot'
    UNION ALL
    SELECT
        f.account_id,
        s.segment,
        '',
        CASE s.origin WHEN 'plan' THEN f.plan WHEN 'currency' THEN f.currency ELSE f.owner_name END
    FROM account_basics f
    INNER JOIN segment_sources s ON s.origin IN ('plan', 'currency', 'owner')
),
ranked AS (
    SELECT
        account_id,
        segment,
        TRIM(segment_value) AS segment_value,
        ROW_NUMBER() OVER (PARTITION BY account_id, segment ORDER BY customer_id) AS place
    FROM found
    WHERE TRIM(segment_value) <> ''
)
SELECT k.account_id, s.segment, COALESCE(f.segment_value, '(none)') AS segment_value
FROM known k
CROSS JOIN segment_sources s
LEFT JOIN ranked f ON f.account_id = k.account_id AND f.segment = s.segment AND f.place = 1
