-- Whose MRR moves. A unit is an account, a subscription or an item, as the policy's movement.grain says. Its
-- members are the customers of an account; a finer unit is its own only member. Numbers stand for the names
-- from here on, because the big tables are grouped and sorted by them.
WITH members AS (
    SELECT
        l.account_id,
        l.customer_id,
        CASE WHEN r.grain <> 'account' THEN l.subscription_id END AS subscription_id,
        CASE WHEN r.grain = 'item' THEN l.subscription_item_id END AS subscription_item_id,
        MAX(CASE WHEN l.reporting_currency IS NOT NULL AND l.reporting_after IS NULL THEN 1 ELSE 0 END) AS lacks_rate
    FROM mrr_ledger l
    CROSS JOIN mart_rules r
    GROUP BY
        l.account_id,
        l.customer_id,
        CASE WHEN r.grain <> 'account' THEN l.subscription_id END,
        CASE WHEN r.grain = 'item' THEN l.subscription_item_id END
),
numbered AS (
    SELECT *, ROW_NUMBER() OVER () AS member_no FROM members
),
gathered AS (
    SELECT
        *,
        MIN(member_no) OVER (PARTITION BY account_id) AS account_no,
        MAX(lacks_rate) OVER (PARTITION BY account_id) AS account_lacks_rate
    FROM numbered
)
SELECT
    g.member_no,
    CASE WHEN r.grain = 'account' THEN g.account_no ELSE g.member_no END AS unit_no,
    g.account_no,
    COALESCE(g.subscription_item_id, g.subscription_id, g.customer_id) AS member_id,
    g.account_id,
    g.customer_id,
    g.subscription_id,
    g.subscription_item_id,
    g.account_lacks_rate AS lacks_rate
FROM gathered g
CROSS JOIN mart_rules r
