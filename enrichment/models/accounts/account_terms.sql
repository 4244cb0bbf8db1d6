-- What each account has bought: plan, renewal, term and scheduled end of the items that count. A fully
-- discounted item counts here: it renews all the same. term_days: month 30, year 360, so that 12 months are a year.
WITH counted AS (
    SELECT
        *,
        interval_count * CASE price_interval
            WHEN 'year' THEN 360 WHEN 'month' THEN 30 WHEN 'week' THEN 7 ELSE 1
        END AS term_days,
        CASE WHEN excluded_reason IS NULL OR excluded_reason = 'fully_discounted' THEN 1 ELSE 2 END AS rank_group
    FROM subscription_items
    WHERE account_id IS NOT NULL
        AND NOT metered
        AND (excluded_reason IS NULL OR excluded_reason IN ('fully_discounted', 'trialing', 'collection_paused'))
),
chosen AS (
    SELECT
        *,
        MIN(rank_group) OVER (PARTITION BY account_id) AS best_group,
        MAX(CASE WHEN rank_group = 1 THEN term_days END) OVER (PARTITION BY account_id) AS longest_term
    FROM counted
),
products AS (
    SELECT account_id, product_name, SUM(mrr) AS product_mrr
    FROM chosen
    WHERE rank_group = best_group
    GROUP BY account_id, product_name
),
plans AS (
    SELECT account_id, STRING_AGG(product_name, ', ' ORDER BY product_mrr DESC, product_name) AS plan
    FROM products
    GROUP BY account_id
)
SELECT
    c.account_id,
    MAX(p.plan) AS plan,
    MAX(c.longest_term) AS term_days,
    CAST(MIN(CASE WHEN c.rank_group = 1 AND c.term_days = c.longest_term THEN c.period_ends_at END) AS DATE)
        AS renewal_date,
    CAST(MIN(CASE WHEN c.rank_group = 1 THEN c.ends_at END) AS DATE) AS first_end,
    CAST(MAX(CASE WHEN c.rank_group = 1 THEN c.ends_at END) AS DATE) AS last_end,
    SUM(CASE WHEN c.rank_group = 1 THEN 1 ELSE 0 END) AS counted_items,
    SUM(CASE WHEN c.rank_group = 1 AND c.ends_at IS NOT NULL THEN 1 ELSE 0 END) AS ending_items
FROM chosen c
INNER JOIN plans p ON p.account_id = c.account_id
GROUP BY c.account_id
