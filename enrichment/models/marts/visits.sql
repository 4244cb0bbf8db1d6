-- Months in which a unit's MRR rose and fell back to where it was, where the policy counts such starting and
-- leaving (it is that when the unit stood at 0). amount: the highest MRR above that level. member_no: who brought
-- most of it, the smallest customer id among equals.
WITH candidates AS (
    SELECT u.unit_no, u.month_no
    FROM unit_changes u
    CROSS JOIN mart_rules r
    WHERE r.same_month = 'count_both'
    GROUP BY u.unit_no, u.month_no
    HAVING MAX(ABS(u.mrr_change)) = 0 AND MIN(u.first_at) < MAX(u.last_at)
),
ledger_rows AS (
    SELECT l.*
    FROM candidates c
    INNER JOIN unit_ledger l ON l.unit_no = c.unit_no AND l.month_no = c.month_no
),
valued AS (
    SELECT unit_no, month_no, effective_at, currency, 'native' AS valuation, SUM(mrr_change) AS change
    FROM ledger_rows
    GROUP BY unit_no, month_no, effective_at, currency
    UNION ALL
    SELECT unit_no, month_no, effective_at, reporting_currency, 'reporting', SUM(reporting_change + fx_change)
    FROM ledger_rows
    WHERE reporting_change IS NOT NULL
    GROUP BY unit_no, month_no, effective_at, reporting_currency
),
running AS (
    SELECT
        unit_no,
        month_no,
        currency,
        valuation,
        SUM(change) OVER (PARTITION BY unit_no, month_no, currency, valuation ORDER BY effective_at) AS mrr
    FROM valued
),
brought AS (
    SELECT
        l.unit_no,
        l.month_no,
        l.member_no,
        ROW_NUMBER() OVER (
            PARTITION BY l.unit_no, l.month_no
            ORDER BY SUM(CASE WHEN l.mrr_change > 0 THEN l.mrr_change ELSE 0 END) DESC, m.customer_id
        ) AS place
    FROM ledger_rows l
    INNER JOIN unit_members m ON m.member_no = l.member_no
    GROUP BY l.unit_no, l.month_no, l.member_no, m.customer_id
)
SELECT
    v.unit_no,
    v.month_no,
    v.currency,
    v.valuation,
    CAST(MAX(v.mrr) AS BIGINT) AS amount,
    b.member_no
FROM running v
INNER JOIN brought b ON b.unit_no = v.unit_no AND b.month_no = v.month_no AND b.place = 1
GROUP BY v.unit_no, v.month_no, v.currency, v.valuation, b.member_no
HAVING MAX(v.mrr) > 0
