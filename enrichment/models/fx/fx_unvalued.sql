-- Accounts that cannot be valued, with their first reason. Where nothing is left of an item, no rate is needed.
-- Above 10^14 minor units the rounding in fx_values would no longer be exact.
WITH reasons AS (
    SELECT p.row_id, p.rate_day, m.reason
    FROM fx_points p
    INNER JOIN fx_missing m ON m.currency = p.currency AND m.rate_day = p.rate_day
    WHERE p.item_mrr <> 0
    UNION ALL
    SELECT p.row_id, p.rate_day, 'An amount in ' || UPPER(p.currency) || ' is too large to be converted.'
    FROM fx_points p
    INNER JOIN fx_conversions c ON c.currency = p.currency AND c.rate_day = p.rate_day
    WHERE ABS(CAST(p.item_mrr AS DOUBLE PRECISION)) * c.numerator >= 1e14 * c.denominator
),
ranked AS (
    SELECT
        f.account_id,
        r.reason,
        ROW_NUMBER() OVER (PARTITION BY f.account_id ORDER BY r.rate_day, r.reason) AS place
    FROM reasons r
    INNER JOIN fx_rows f ON f.row_id = r.row_id
)
SELECT account_id, reason
FROM ranked
WHERE place = 1
