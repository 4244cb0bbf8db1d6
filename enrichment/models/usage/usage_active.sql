-- Different users per account in each of the last three windows; window 0 is the last one.
WITH seen AS (
    SELECT DISTINCT
        u.account_no,
        u.user_no,
        CASE
            WHEN u.used_on >= i.today - i.usage_days THEN 0
            WHEN u.used_on >= i.today - 2 * i.usage_days THEN 1
            ELSE 2
        END AS window_no
    FROM usage_user_days u
    CROSS JOIN usage_instant i
    WHERE u.known_on <= i.today AND u.used_on < i.today AND u.used_on >= i.today - 3 * i.usage_days
)
SELECT
    account_no,
    SUM(CASE WHEN window_no = 0 THEN 1 ELSE 0 END) AS users_0,
    SUM(CASE WHEN window_no = 1 THEN 1 ELSE 0 END) AS users_1,
    SUM(CASE WHEN window_no = 2 THEN 1 ELSE 0 END) AS users_2
FROM seen
GROUP BY account_no
