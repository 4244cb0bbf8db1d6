-- The subscriptions and what becomes of each. h(i, salt): from 0 to 999, always the same for the same two.
WITH drawn AS (
    SELECT
        i,
        i * 9 // 10 AS customer_no,
        h(i, 1) < 150 AS is_yearly,
        TIMESTAMP '$as_of' - to_seconds(CAST(hash(i * 7919 + 2) % (680 * 86400) AS BIGINT)) AS anchor,
        h(i, 3) < 200 AS has_second,
        h(i, 4) AS fate,
        h(i, 5) AS life,
        h(i, 6) AS offer,
        h(i, 7) AS plan,
        h(i, 8) AS seats,
        h(i, 9) < 80 AS changes,
        h(i, 10) AS trouble,
        h(i * 9 // 10, 11) AS purse
    FROM range($size) r(i)
),
aged AS (
    SELECT *, CASE WHEN is_yearly THEN 12 ELSE 1 END AS step,
        (1 + datediff('month', anchor, TIMESTAMP '$as_of')
            - CASE WHEN anchor + to_months(CAST(datediff('month', anchor, TIMESTAMP '$as_of') AS INTEGER))
                > TIMESTAMP '$as_of' THEN 1 ELSE 0 END) AS months
    FROM drawn
),
lived AS (
    SELECT *, (months + step - 1) // step AS possible FROM aged
),
ended AS (
    SELECT *, CASE WHEN fate < 200 THEN 1 + life * possible // 1000 ELSE possible END AS periods FROM lived
)
SELECT
    *,
    'sub_1' || substr(md5('s' || i), 1, 24) AS subscription_id,
    'cus_' || substr(md5('c' || customer_no), 1, 14) AS customer_id,
    CASE WHEN purse < 650 THEN 'usd' WHEN purse < 920 THEN 'eur' ELSE 'gbp' END AS currency,
    CASE WHEN fate < 200 AND anchor + to_months(CAST(periods * step AS INTEGER)) < TIMESTAMP '$as_of'
        THEN anchor + to_months(CAST(periods * step AS INTEGER)) END AS ended_at,
    NOT is_yearly AND fate BETWEEN 300 AND 399 AS has_trial,
    CASE WHEN offer < 50 THEN 'LOYAL20' WHEN offer < 60 THEN 'START50'
        WHEN offer < 70 AND NOT has_second THEN 'FIVE' END AS coupon_id,
    'di_1' || substr(md5('d' || i), 1, 24) AS discount_id,
    CASE WHEN fate < 200 OR periods < 3 THEN 'well' WHEN trouble < 2 THEN 'unpaid' WHEN trouble < 5 THEN 'paused'
        WHEN trouble < 15 THEN 'past_due' ELSE 'well' END AS state,
    CASE WHEN changes AND periods > 2 THEN life * (periods - 2) // 1000 END AS change_no,
    anchor + to_months(CAST((periods - 1) * step AS INTEGER)) AS last_start
FROM ended
