$rates
SELECT account_id, currency, month_no, CAST(SUM(change) AS BIGINT) AS mrr_change
FROM (
    SELECT account_id, currency, rate AS change,
        CAST(date_part('year', to_timestamp(period_start) AT TIME ZONE 'UTC') * 12
        + date_part('month', to_timestamp(period_start) AT TIME ZONE 'UTC') - 1 AS INTEGER) AS month_no
    FROM rates WHERE period_start <= $now
    UNION ALL
    SELECT account_id, currency, -rate,
        CAST(date_part('year', to_timestamp(period_end) AT TIME ZONE 'UTC') * 12
        + date_part('month', to_timestamp(period_end) AT TIME ZONE 'UTC') - 1 AS INTEGER)
    FROM rates WHERE period_end <= $now
) rows
GROUP BY account_id, currency, month_no
