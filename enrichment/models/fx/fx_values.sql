-- What each point is worth in the reporting currency. fx_change is what the rate did to the part that a row leaves as it was,
-- reporting_change all the rest, so that the two always add up to the step of reporting_after.
--
-- An amount x numerator / denominator is rounded half to even, exactly: the product is an integer of up to 38
-- digits, the quotient is guessed in floating point, and what the guess leaves over, an exact integer, mends it.
WITH rated AS (
    SELECT
        p.row_id,
        p.effective_at,
        p.is_month_end,
        p.item_before,
        p.item_mrr,
        -- The smaller of the two; of two below zero the nearer to it; none of it when the sign changes.
        GREATEST(LEAST(p.item_before, p.item_mrr), 0) + LEAST(GREATEST(p.item_before, p.item_mrr), 0) AS item_kept,
        -- Where an amount is 0 there need not be a rate: it is 0 at any.
        COALESCE(c.numerator, 1) AS numerator,
        COALESCE(c.denominator, 1) AS denominator,
        COALESCE(o.numerator, 1) AS old_numerator,
        COALESCE(o.denominator, 1) AS old_denominator
    FROM fx_points p
    LEFT JOIN fx_conversions c ON c.currency = p.currency AND c.rate_day = p.rate_day
    LEFT JOIN fx_conversions o ON o.currency = p.currency AND o.rate_day = p.old_day
),
-- The part that stays is worth something at either rate; the row's two ends give one of them, kept_* is the other.
kept AS (
    SELECT
        rated.*,
        CASE WHEN item_kept = item_before THEN numerator ELSE old_numerator END AS kept_numerator,
        CASE WHEN item_kept = item_before THEN denominator ELSE old_denominator END AS kept_denominator
    FROM rated
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
        CAST(ROUND(CAST(after_product AS DOUBLE PRECISION) / denominator) AS DECIMAL(19, 0)) AS after_guess,
        CAST(ROUND(CAST(before_product AS DOUBLE PRECISION) / old_denominator) AS DECIMAL(19, 0)) AS before_guess,
        CAST(ROUND(CAST(kept_product AS DOUBLE PRECISION) / kept_denominator) AS DECIMAL(19, 0)) AS kept_guess
    FROM products
),
remainders AS (
    SELECT
        row_id,
        effective_at,
        is_month_end,
        item_before,
        item_mrr,
        item_kept,
        denominator,
        old_denominator,
        kept_denominator,
        CAST(after_guess AS BIGINT) AS after_guess,
        CAST(before_guess AS BIGINT) AS before_guess,
        CAST(kept_guess AS BIGINT) AS kept_guess,
        2 * CAST(after_product - after_guess * CAST(denominator AS DECIMAL(19, 0)) AS BIGINT) AS after_left,
        2 * CAST(before_product - before_guess * CAST(old_denominator AS DECIMAL(19, 0)) AS BIGINT) AS before_left,
        2 * CAST(kept_product - kept_guess * CAST(kept_denominator AS DECIMAL(19, 0)) AS BIGINT) AS kept_left
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
        row_id,
        effective_at,
        is_month_end,
        reporting_before,
        reporting_after,
        CASE
            WHEN item_kept = item_before THEN kept_worth - reporting_before
            WHEN item_kept = item_mrr THEN reporting_after - kept_worth
            ELSE 0
        END AS fx_change
    FROM worth
)
SELECT
    row_id,
    effective_at,
    is_month_end,
    reporting_after - reporting_before - fx_change AS reporting_change,
    fx_change,
    reporting_after
FROM valued
