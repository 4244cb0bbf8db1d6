-- Quantities that changed ten days into the period before (a hundred in a year): billed with this one.
SELECT
    p.*,
    p.anchor + to_months(CAST(p.change_no * p.step AS INTEGER)) + to_days(10 * p.step) AS changed_at,
    p.anchor + to_months(CAST((p.change_no + 1) * p.step AS INTEGER)) AS until_at,
    20 / 30.4 AS share
FROM sold p WHERE p.item_no = 1 AND p.no = p.change_no + 1 AND p.plan_name <> 'tiered'
