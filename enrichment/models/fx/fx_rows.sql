-- Rows of foreign items, numbered, so that what follows sorts and joins few and narrow columns.
SELECT ROW_NUMBER() OVER () AS row_id, n.*
FROM native_ledger n
CROSS JOIN fx_target t
WHERE n.currency <> t.reporting_currency
    AND (t.fx_mode = 'locked_at_period_start' OR n.reason <> 'renewed')
