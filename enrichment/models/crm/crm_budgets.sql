-- What the budget property says of each account, known at the company's last change. No, 0 and false are no budget.
WITH said AS (
    SELECT
        k.account_id,
        TRIM((CAST(c.properties AS JSON) ->> s.budget_property)) AS budget_value,
        COALESCE(c."updatedAt", c."createdAt") AS known_at
    FROM crm_companies k
    INNER JOIN latest_hubspot_companies c ON c.id = k.company_id
    CROSS JOIN crm_settings s
    WHERE s.budget_property IS NOT NULL
)
SELECT account_id, budget_value, known_at
FROM said
WHERE LOWER(budget_value) NOT IN ('', '0', '0.0', 'false', 'no')
