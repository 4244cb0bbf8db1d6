-- What a month of each line makes: the amount over the months of its price; a proration is scaled up to a month.
WITH rates AS (
    SELECT
        a.account_id, l.currency, l.period_start, l.period_end,
        CAST(ROUND(
            CASE WHEN l.is_proration
                THEN l.amount * p.months * 30.4375 * 86400 / (l.period_end - l.period_start) ELSE l.amount
            END / p.months
        ) AS BIGINT) AS rate
    FROM stg_invoice_lines l
    INNER JOIN (
        SELECT price_id, CASE WHEN price_interval = 'year' THEN 12 ELSE 1 END AS months FROM stg_prices
        WHERE usage_type = 'licensed'
    ) p ON p.price_id = l.price_id
    INNER JOIN stg_subscriptions s ON s.subscription_id = l.subscription_id
    INNER JOIN account_customers a ON a.customer_id = s.customer_id
)
