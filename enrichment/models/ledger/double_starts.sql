-- Of the lines of an item that begin together, the one that stands: a debit behind the credit it replaces, else that
-- of the later invoice.
WITH doubles AS (
    SELECT s.*, o.line_id
    FROM rate_steps s
    INNER JOIN odd_spans o ON o.odd_no = s.odd_no
    WHERE s.is_double
    UNION
    SELECT s.*, t.line_id
    FROM rate_steps s
    INNER JOIN told_lines t
        ON t.item_no = s.item_no AND t.period_start = s.period_start AND t.period_end = s.period_end
        AND t.term_no = s.term_no
    WHERE s.is_double AND s.odd_no IS NULL
),
alike AS (
    SELECT d.line_id
    FROM (SELECT line_id, life_no, COUNT(*) OVER (PARTITION BY life_no, period_start, is_credit) AS n FROM doubles) d
    WHERE d.n > 1
),
invoiced AS (
    SELECT DISTINCT l.line_id, i.created_epoch
    FROM alike a
    INNER JOIN stg_invoice_lines l ON l.line_id = a.line_id
    INNER JOIN stg_invoices i ON i.invoice_id = l.invoice_id
),
placed AS (
    SELECT
        d.life_no,
        d.odd_no,
        d.term_no,
        d.period_start,
        d.period_end,
        d.is_credit,
        d.line_id,
        MAX(CASE WHEN d.next_start > d.period_start THEN d.next_start END) OVER (
            PARTITION BY d.life_no, d.period_start
        ) AS next_start,
        ROW_NUMBER() OVER (
            PARTITION BY d.life_no, d.period_start
            ORDER BY d.is_credit, COALESCE(i.created_epoch, r.forever) DESC, d.line_id DESC
        ) AS place
    FROM doubles d
    CROSS JOIN ledger_rules r
    LEFT JOIN invoiced i ON i.line_id = d.line_id
)
SELECT * FROM placed WHERE place = 1
