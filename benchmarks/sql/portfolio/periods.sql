-- The periods that begin in one month; a trial is number -1.
SELECT s.*, 'in_1' || substr(md5(i || '.' || no), 1, 24) AS invoice_id,
    anchor + to_months(CAST(no * step AS INTEGER)) AS starts_at,
    anchor + to_months(CAST((no + 1) * step AS INTEGER)) AS ends_at
FROM (SELECT *, datediff('month', anchor, DATE '$month') // step AS no FROM subs
    WHERE datediff('month', anchor, DATE '$month') % step = 0) s
WHERE no BETWEEN 0 AND periods - 1
UNION ALL
SELECT *, -1, 'in_1' || substr(md5(i || '.trial'), 1, 24), anchor - INTERVAL 14 DAY, anchor
FROM subs WHERE has_trial AND date_trunc('month', anchor - INTERVAL 14 DAY) = DATE '$month'
