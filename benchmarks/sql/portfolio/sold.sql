-- What is billed for them.
SELECT
    p.*, i.item_id, i.item_no, i.price_id, i.plan_name, i.quantity AS first_quantity, i.later_quantity,
    CASE WHEN p.no > p.change_no THEN i.later_quantity ELSE i.quantity END AS quantity,
    r.cycle_amount, r.units
FROM periods p
INNER JOIN items i ON i.i = p.i
INNER JOIN rates r ON r.price_id = i.price_id AND r.coupon_id = ''
    AND r.quantity = CASE WHEN p.no > p.change_no THEN i.later_quantity ELSE i.quantity END
