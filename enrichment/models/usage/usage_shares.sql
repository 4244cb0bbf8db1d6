-- What of its plan's limit and of its paid seats each account used in each of the last three windows.
WITH known AS (
    SELECT DISTINCT account_id, account_no FROM usage_keys
)
SELECT
    k.account_id,
    s.*,
    w.weeks,
    CASE WHEN s.names_users = 1 THEN COALESCE(u.users_0, 0) END AS active_users,
    s.core_0 / l.core_limit AS events_0,
    s.core_1 / l.core_limit AS events_1,
    s.core_2 / l.core_limit AS events_2,
    CASE WHEN s.names_users = 1 THEN COALESCE(u.users_0, 0) / p.seats END AS seats_0,
    CASE WHEN s.names_users = 1 THEN COALESCE(u.users_1, 0) / p.seats END AS seats_1,
    CASE WHEN s.names_users = 1 THEN COALESCE(u.users_2, 0) / p.seats END AS seats_2
FROM known k
INNER JOIN usage_sums s ON s.account_no = k.account_no
LEFT JOIN usage_weeks w ON w.account_no = k.account_no
LEFT JOIN usage_active u ON u.account_no = k.account_no
LEFT JOIN account_basics b ON b.account_id = k.account_id
LEFT JOIN usage_limits l ON l.plan = b.plan
LEFT JOIN (
    SELECT account_id, CAST(paid_seats AS DOUBLE PRECISION) AS seats FROM account_seats WHERE paid_seats > 0
) p ON p.account_id = k.account_id
