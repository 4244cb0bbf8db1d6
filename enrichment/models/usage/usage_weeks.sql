-- In how many of the twelve weeks that end with its last event each account was used.
SELECT account_no, COUNT(DISTINCT week_no) AS weeks
FROM (
    SELECT u.account_no, FLOOR((i.today - u.used_on - 1 - s.days_since_used) / 7.0) AS week_no
    FROM usage_days u
    CROSS JOIN usage_instant i
    INNER JOIN usage_sums s ON s.account_no = u.account_no
    WHERE u.known_on <= i.today AND u.used_on < i.today AND u.is_used
) used
WHERE week_no < 12
GROUP BY account_no
