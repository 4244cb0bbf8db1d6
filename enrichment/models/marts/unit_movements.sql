-- The movements, one row per unit, month, currency, valuation and kind; amounts above zero, fx signed. In the
-- reporting currency a unit's currencies are summed first. A change of its value there that goes against every
-- change of what the unit pays (it paid more and then less, at two rates) is fx too.
-- first_member, last_member: as in unit_changes.
WITH native AS (
    SELECT
        u.unit_no,
        u.month_no,
        u.currency,
        'native' AS valuation,
        CASE WHEN u.mrr_change > 0 THEN k.rise_kind ELSE k.fall_kind END AS kind,
        ABS(u.mrr_change) AS amount,
        u.first_member,
        u.last_member
    FROM unit_changes u
    INNER JOIN unit_kinds k ON k.unit_no = u.unit_no AND k.month_no = u.month_no
    WHERE u.mrr_change <> 0
),
converted AS (
    SELECT
        unit_no,
        month_no,
        SUM(reporting_change) AS reporting_change,
        SUM(fx_change) AS fx_change,
        MIN(first_member) AS first_member,
        MAX(last_member) AS last_member
    FROM unit_changes
    WHERE reporting_change IS NOT NULL
    GROUP BY unit_no, month_no
),
judged AS (
    SELECT
        c.*,
        k.rise_kind,
        k.fall_kind,
        CASE
            WHEN c.reporting_change > 0 AND k.rises = 1 THEN c.reporting_change
            WHEN c.reporting_change < 0 AND k.falls = 1 THEN c.reporting_change
            ELSE 0
        END AS moved
    FROM converted c
    LEFT JOIN unit_kinds k ON k.unit_no = c.unit_no AND k.month_no = c.month_no
),
reporting AS (
    SELECT
        unit_no,
        month_no,
        CASE WHEN moved > 0 THEN rise_kind ELSE fall_kind END AS kind,
        ABS(moved) AS amount,
        first_member,
        last_member
    FROM judged
    WHERE moved <> 0
    UNION ALL
    SELECT
        unit_no, month_no, 'fx', reporting_change + fx_change - moved, first_member, last_member
    FROM judged
    WHERE reporting_change + fx_change <> moved
),
visiting AS (
    SELECT v.*, k.rise_kind, k.fall_kind
    FROM visits v
    INNER JOIN unit_kinds k ON k.unit_no = v.unit_no AND k.month_no = v.month_no
    WHERE k.is_visit = 1 AND (k.rise_kind <> 'expansion' OR k.fall_kind <> 'contraction')
)
SELECT unit_no, month_no, currency, valuation, kind, CAST(amount AS BIGINT) AS amount, first_member, last_member
FROM native
UNION ALL
SELECT
    p.unit_no,
    p.month_no,
    c.reporting_currency,
    'reporting',
    p.kind,
    CAST(p.amount AS BIGINT),
    p.first_member,
    p.last_member
FROM reporting p
CROSS JOIN (SELECT MAX(reporting_currency) AS reporting_currency FROM mrr_ledger) c
UNION ALL
SELECT unit_no, month_no, currency, valuation, rise_kind, amount, member_no, member_no
FROM visiting
UNION ALL
SELECT unit_no, month_no, currency, valuation, fall_kind, amount, member_no, member_no
FROM visiting
