-- Successful charges of each month and currency, before refunds (minor units).
SELECT
    m.month,
    c.currency,
    CAST(SUM(c.amount) AS BIGINT) AS charge_total,
    COUNT(*) AS charge_count
FROM stg_charges c
INNER JOIN months m ON c.created_at >= m.starts_at AND c.created_at < m.ends_at
WHERE c.status = 'succeeded' AND c.amount IS NOT NULL AND c.currency IS NOT NULL
GROUP BY m.month, c.currency
