-- The moments at which a unit stood at 0 and yet was a customer (paused, free, 100 % off, as the policy has it): some
-- subscription of it was alive. moment: 'start' or 'end' of the month.
WITH moments AS (
    SELECT s.unit_no, s.month_no, 'start' AS moment, n.starts_at AS seen_until
    FROM unit_stands s
    INNER JOIN month_numbers n ON n.month_no = s.month_no
    WHERE s.stood = 0 AND s.nth > 1
    UNION ALL
    SELECT s.unit_no, s.month_no, 'end', n.seen_until
    FROM unit_stands s
    INNER JOIN month_numbers n ON n.month_no = s.month_no
    WHERE s.stands = 0
),
named AS (
    SELECT o.unit_no, o.month_no, o.moment, o.seen_until, COALESCE(m.subscription_id, m.account_id) AS life_id
    FROM moments o
    INNER JOIN unit_members m ON m.member_no = o.unit_no
),
lives AS (
    SELECT
        CASE WHEN r.grain = 'account' THEN v.account_id ELSE v.subscription_id END AS life_id,
        v.alive_from,
        v.alive_until
    FROM subscription_lives v
    CROSS JOIN mart_rules r
)
SELECT DISTINCT d.unit_no, d.month_no, d.moment
FROM named d
INNER JOIN lives v
    ON v.life_id = d.life_id
    AND v.alive_from < d.seen_until
    AND (v.alive_until IS NULL OR v.alive_until >= d.seen_until)
