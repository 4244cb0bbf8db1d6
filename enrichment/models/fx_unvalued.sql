-- Accounts that cannot be valued, with their first reason. Where nothing is left of an item, no rate is needed.
-- Above 10^14 minor units the rounding in mrr_ledger_valued would no longer be exact.
WITH reasons AS (
    SELECT p.account_id, p.rate_day, m.reason
    FROM fx_points p
    INNER JOIN fx_missing m ON m.currency = p.currency AND m.rate_day = p.rate_day
    WHERE p.item_mrr <> 0
    UNION ALL
    SELECT p.account_id, p.rate_day, 'An amount in ' || UPPER(p.currency) || ' is too large to be converted.'
    FROM fx_points p
    INNER JOIN fx_conversions c ON c.currency = p.currency AND c.rate_day = p.rate_day
    WHERE ABS(CAST(p.item_mrr AS DOUBLE PRECISION)) * c.numerator >= 1e14 * c.denominator
),
ranked AS (
    SELECT
        account_id,
        reason,
        ROW_NUMBER() OVER (PARTITION BY account_id ORDER BY rate_day, reason) AS place
    FROM reasons
)
SELECT account_id, reason
FROM ranked
WHERE place = 1
