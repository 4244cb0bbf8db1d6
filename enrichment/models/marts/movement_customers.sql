-- Of a movement in which several customers of one account had a part: the one with the largest change in its
-- direction, the smallest customer id among equals.
WITH parts AS (
    SELECT
        v.unit_no,
        v.month_no,
        v.currency,
        v.valuation,
        v.kind,
        m.customer_id,
        SUM(
            CASE
                WHEN v.valuation = 'native' THEN c.mrr_change
                WHEN v.kind = 'fx' THEN c.fx_change
                ELSE c.reporting_change
            END
        ) * CASE WHEN v.kind IN ('contraction', 'churn') OR v.amount < 0 THEN -1 ELSE 1 END AS part
    FROM unit_movements v
    INNER JOIN unit_ledger c
        ON c.unit_no = v.unit_no
        AND c.month_no = v.month_no
        AND (v.valuation = 'reporting' OR c.currency = v.currency)
    INNER JOIN unit_members m ON m.member_no = c.member_no
    WHERE v.first_member <> v.last_member
    GROUP BY v.unit_no, v.month_no, v.currency, v.valuation, v.kind, v.amount, m.customer_id
),
ranked AS (
    SELECT
        *,
        ROW_NUMBER() OVER (
            PARTITION BY unit_no, month_no, currency, valuation, kind ORDER BY part DESC, customer_id
        ) AS place
    FROM parts
)
SELECT unit_no, month_no, currency, valuation, kind, customer_id FROM ranked WHERE place = 1
