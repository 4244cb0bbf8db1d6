-- Open expansion deals and budgets of each account in the CRM, as known at the instant; of several deals the one that
-- moved last.
WITH ranked AS (
    SELECT
        e.*,
        ROW_NUMBER() OVER (PARTITION BY e.account_id ORDER BY e.moved_at DESC, e.deal_id) AS place
    FROM crm_expansions e
    CROSS JOIN run_clock r
    WHERE e.known_at <= r.as_of AND e.moved_at <= r.as_of
),
budgets AS (
    SELECT b.* FROM crm_budgets b CROSS JOIN run_clock r WHERE b.known_at <= r.as_of
)
SELECT
    k.account_id,
    e.deal_id AS expansion_deal_id,
    e.name AS expansion_deal_name,
    e.amount AS expansion_amount,
    e.currency AS expansion_currency,
    CAST(CAST(r.as_of AS DATE) - CAST(e.moved_at AS DATE) AS BIGINT) AS expansion_moved_days,
    b.budget_value,
    CAST(CAST(r.as_of AS DATE) - CAST(b.known_at AS DATE) AS BIGINT) AS budget_days
FROM crm_companies k
CROSS JOIN run_clock r
LEFT JOIN ranked e ON e.account_id = k.account_id AND e.place = 1
LEFT JOIN budgets b ON b.account_id = k.account_id
WHERE k.created_at <= r.as_of
