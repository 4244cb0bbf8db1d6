-- The ledger in the reporting currency. fx_change is what the rate did to the part that a row leaves as it was,
-- reporting_change all the rest, so that the two always add up to the step of reporting_after.
--
-- An amount x numerator / denominator is rounded half to even, exactly: the product is an integer of up to 38
-- digits, the quotient is guessed in floating point, and what the guess leaves over, an exact integer, mends it.
WITH points AS (
    SELECT
        p.*,
        -- Nothing has a rate of its own where nothing is left: 0 is 0 at any.
        COALESCE(c.numerator, 1) AS numerator,
        COALESCE(c.denominator, 1) AS denominator
    FROM fx_points p
    LEFT JOIN fx_conversions c ON c.currency = p.currency AND c.rate_day = p.rate_day
    LEFT JOIN fx_unvalued u ON u.account_id = p.account_id
    WHERE u.account_id IS NULL
),
steps AS (
    SELECT
        points.*,
        item_mrr - mrr_change AS item_before,
        -- The smaller of the two; of two below zero the nearer to it; none of it when the sign changes.
        GREATEST(LEAST(item_mrr - mrr_change, item_mrr), 0) + LEAST(GREATEST(item_mrr - mrr_change, item_mrr), 0)
            AS item_kept,
        LAG(numerator, 1, CAST(1 AS BIGINT)) OVER item_rows AS old_numerator,
        LAG(denominator, 1, CAST(1 AS BIGINT)) OVER item_rows AS old_denominator
    FROM points
    WINDOW item_rows AS (
        PARTITION BY subscription_id, subscription_item_id, currency
        ORDER BY row_no, effective_at, reason
    )
),
-- The part that stays is worth something at either rate; the row's two ends give one of them, kept_* is the other.
kept AS (
    SELECT
        steps.*,
        CASE WHEN item_kept = item_before THEN numerator ELSE old_numerator END AS kept_numerator,
        CASE WHEN item_kept = item_before THEN denominator ELSE old_denominator END AS kept_denominator
    FROM steps
),
products AS (
    SELECT
        kept.*,
        CAST(item_mrr AS DECIMAL(19, 0)) * CAST(numerator AS DECIMAL(19, 0)) AS after_product,
        CAST(item_before AS DECIMAL(19, 0)) * CAST(old_numerator AS DECIMAL(19, 0)) AS before_product,
        CAST(item_kept AS DECIMAL(19, 0)) * CAST(kept_numerator AS DECIMAL(19, 0)) AS kept_product
    FROM kept
),
guesses AS (
    SELECT
        products.*,
        CAST(ROUND(CAST(after_product AS DOUBLE PRECISION) / denominator) AS BIGINT) AS after_guess,
        CAST(ROUND(CAST(before_product AS DOUBLE PRECISION) / old_denominator) AS BIGINT) AS before_guess,
        CAST(ROUND(CAST(kept_product AS DOUBLE PRECISION) / kept_denominator) AS BIGINT) AS kept_guess
    FROM products
),
remainders AS (
    SELECT
        guesses.*,
        2 * CAST(after_product - CAST(after_guess AS DECIMAL(19, 0)) * CAST(denominator AS DECIMAL(19, 0)) AS BIGINT)
            AS after_left,
        2 * CAST(before_product - CAST(before_guess AS DECIMAL(19, 0)) * CAST(old_denominator AS DECIMAL(19, 0)) AS BIGINT)
            AS before_left,
        2 * CAST(kept_product - CAST(kept_guess AS DECIMAL(19, 0)) * CAST(kept_denominator AS DECIMAL(19, 0)) AS BIGINT)
            AS kept_left
    FROM guesses
),
worth AS (
    SELECT
        remainders.*,
        after_guess + CASE
            WHEN after_left > denominator OR (after_left = denominator AND after_guess % 2 <> 0) THEN 1
            WHEN after_left < -denominator OR (after_left = -denominator AND after_guess % 2 <> 0) THEN -1
            ELSE 0
        END AS reporting_after,
        before_guess + CASE
            WHEN before_left > old_denominator OR (before_left = old_denominator AND before_guess % 2 <> 0) THEN 1
            WHEN before_left < -old_denominator OR (before_left = -old_denominator AND before_guess % 2 <> 0) THEN -1
            ELSE 0
        END AS reporting_before,
        kept_guess + CASE
            WHEN kept_left > kept_denominator OR (kept_left = kept_denominator AND kept_guess % 2 <> 0) THEN 1
            WHEN kept_left < -kept_denominator OR (kept_left = -kept_denominator AND kept_guess % 2 <> 0) THEN -1
            ELSE 0
        END AS kept_worth
    FROM remainders
),
valued AS (
    SELECT
        worth.*,
        CASE
            WHEN item_kept = item_before THEN kept_worth - reporting_before
            WHEN item_kept = item_mrr THEN reporting_after - kept_worth
            ELSE 0
        END AS fx_change
    FROM worth
)
SELECT
    v.account_id,
    v.customer_id,
    v.subscription_id,
    v.subscription_item_id,
    v.price_id,
    v.product_id,
    v.effective_at,
    v.currency,
    v.mrr_change,
    v.mrr_after,
    v.contract_mrr_change,
    CASE WHEN v.reason = 'renewed' THEN 'fx' ELSE v.reason END AS reason,
    v.source_object,
    t.reporting_currency,
    v.reporting_after - v.reporting_before - v.fx_change AS reporting_change,
    v.fx_change,
    v.reporting_after,
    v.policy_hash
FROM valued v
CROSS JOIN fx_target t
WHERE v.fx_change <> 0 OR v.reason NOT IN ('renewed', 'fx')
UNION ALL
SELECT
    n.account_id,
    n.customer_id,
    n.subscription_id,
    n.subscription_item_id,
    n.price_id,
    n.product_id,
    n.effective_at,
    n.currency,
    n.mrr_change,
    n.mrr_after,
    n.contract_mrr_change,
    n.reason,
    n.source_object,
    CASE WHEN u.account_id IS NULL THEN t.reporting_currency END,
    CASE WHEN u.account_id IS NULL THEN n.mrr_change END,
    CASE WHEN u.account_id IS NULL THEN CAST(0 AS BIGINT) END,
    CASE WHEN u.account_id IS NULL THEN n.mrr_after END,
    n.policy_hash
FROM native_ledger n
CROSS JOIN fx_target t
LEFT JOIN fx_unvalued u ON u.account_id = n.account_id
WHERE n.reason <> 'renewed' AND (n.currency = t.reporting_currency OR u.account_id IS NOT NULL)
