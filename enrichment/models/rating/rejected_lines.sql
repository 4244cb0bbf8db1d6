-- Invoice lines that cannot be a rate, each with its reason.
SELECT
    l.line_id,
    l.amount,
    CASE
        WHEN l.period_end IS NULL OR l.period_start IS NULL THEN 'The line has no service period.'
        WHEN l.period_start < 0 OR l.period_end > 4102444800 THEN 'The line''s period is not between 1970 and 2100.'
        WHEN l.period_end < l.period_start THEN 'The line ends before it begins.'
        WHEN l.period_end = l.period_start THEN 'The line''s period has no length.'
        WHEN l.amount IS NULL THEN 'The line has no amount.'
        WHEN l.amount < 0 AND NOT l.is_proration THEN 'The line of a whole period has a negative amount.'
        WHEN c.currency IS NULL THEN 'Currency ' || COALESCE(l.currency, '(none)') || ' is not known.'
        WHEN p.price_id IS NULL THEN 'Price ' || COALESCE(l.price_id, '(none)') || ' was not read.'
        ELSE 'Price ' || l.price_id || ' has the unknown interval ''' || p.price_interval || '''.'
    END AS reason
FROM stg_invoice_lines l
LEFT JOIN stg_prices p ON p.price_id = l.price_id
LEFT JOIN known_currencies c ON c.currency = l.currency
WHERE l.period_end IS NULL OR l.period_start IS NULL
    OR l.period_start < 0 OR l.period_end > 4102444800 OR l.period_end <= l.period_start
    OR l.amount IS NULL OR (l.amount < 0 AND NOT l.is_proration)
    OR c.currency IS NULL
    OR p.price_id IS NULL
    OR p.price_interval NOT IN ('day', 'week', 'month', 'year') OR p.interval_count IN ('', '0')
