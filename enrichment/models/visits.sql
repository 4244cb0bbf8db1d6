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
members AS (
    SELECT c.unit_no, c.month_no, m.member_no, m.member_id, m.account_id, m.customer_id, m.lacks_rate
    FROM candidates c
    INNER JOIN unit_members m ON m.unit_no = c.unit_no
),
named AS (
    SELECT
        l.*,
        CASE r.grain
            WHEN 'account' THEN l.customer_id WHEN 'subscription' THEN l.subscription_id ELSE l.subscription_item_id
        END AS member_id
    FROM mrr_ledger l
    CROSS JOIN mart_rules r
),
ledger_rows AS (
    SELECT
        m.unit_no,
        m.month_no,
        m.member_no,
        m.customer_id,
        l.effective_at,
        l.currency,
        l.mrr_change,
        l.reporting_currency,
        CASE WHEN m.lacks_rate = 0 THEN l.reporting_change + l.fx_change END AS reporting_change
    FROM members m
    INNER JOIN named l ON l.member_id = m.member_id AND l.account_id = m.account_id
    INNER JOIN month_numbers n
        ON n.month_no = m.month_no AND l.effective_at >= n.starts_at AND l.effective_at < n.seen_until
),
valued AS (
    SELECT unit_no, month_no, effective_at, currency, 'native' AS valuation, SUM(mrr_change) AS change
    FROM ledger_rows
    GROUP BY unit_no, month_no, effective_at, currency
    UNION ALL
    SELECT unit_no, month_no, effective_at, reporting_currency, 'reporting', SUM(reporting_change)
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
        unit_no,
        month_no,
        member_no,
        ROW_NUMBER() OVER (
            PARTITION BY unit_no, month_no
            ORDER BY SUM(CASE WHEN mrr_change > 0 THEN mrr_change ELSE 0 END) DESC, customer_id
        ) AS place
    FROM ledger_rows
    GROUP BY unit_no, month_no, member_no, customer_id
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
