-- What a rise and what a fall of a unit's MRR in a month are called.
SELECT
    s.unit_no,
    s.month_no,
    s.rises,
    s.falls,
    CASE
        WHEN s.nth = 1 THEN 'new'
        WHEN s.stood > 0 OR b.unit_no IS NOT NULL THEN 'expansion'
        WHEN r.reactivation = 'none' THEN 'new'
        WHEN s.first_at > s.left_at + r.reactivation_days * INTERVAL '1 day' THEN 'new'
        ELSE 'reactivation'
    END AS rise_kind,
    CASE WHEN s.stands > 0 OR e.unit_no IS NOT NULL THEN 'contraction' ELSE 'churn' END AS fall_kind,
    CASE WHEN s.stood = 0 AND s.stands = 0 THEN 1 ELSE 0 END AS is_visit
FROM unit_stands s
CROSS JOIN mart_rules r
LEFT JOIN idle_moments b ON b.unit_no = s.unit_no AND b.month_no = s.month_no AND b.moment = 'start'
LEFT JOIN idle_moments e ON e.unit_no = s.unit_no AND e.month_no = s.month_no AND e.moment = 'end'
