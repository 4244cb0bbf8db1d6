-- Every account's usage at the instant described, from days that were over and known by then. age: how many days
-- before the instant a day began, so that 1 is the last one. Window 0 is the last one too.
WITH told AS (
    SELECT u.account_no, i.today - u.used_on AS age, i.usage_days, u.core_events, u.is_used, u.names_users
    FROM usage_days u
    CROSS JOIN usage_instant i
    WHERE u.known_on <= i.today AND u.used_on < i.today
)
SELECT
    account_no,
    SUM(CASE WHEN age <= usage_days THEN core_events ELSE 0 END) AS core_0,
    SUM(CASE WHEN age > usage_days AND age <= 2 * usage_days THEN core_events ELSE 0 END) AS core_1,
    SUM(CASE WHEN age > 2 * usage_days AND age <= 3 * usage_days THEN core_events ELSE 0 END) AS core_2,
    SUM(CASE WHEN age > 3 * usage_days AND age <= 4 * usage_days THEN core_events ELSE 0 END) AS core_3,
    MAX(usage_days) AS usage_days,
    MAX(age) - 1 AS history_days,
    MIN(CASE WHEN is_used THEN age END) - 1 AS days_since_used,
    MAX(CASE WHEN names_users THEN 1 ELSE 0 END) AS names_users
FROM told
GROUP BY account_no
