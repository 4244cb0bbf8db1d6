-- The odd lines in full.
SELECT l.*, o.item_no
FROM stg_invoice_lines l
INNER JOIN told_lines o ON o.line_id = l.line_id AND o.term_no IS NULL
