-- How each account's MRR grew of late, when it is charged next, and the card that would pay: that of the subscription's or
-- the customer's default method, as the last charge on it showed it, else that of the last charge that went through. A
-- default that no charge has shown yet is not known, and the card before it would not be charged. Looking back, which
-- method was the default has no date.
WITH stood AS (
    SELECT
        l.account_id,
        SUM(l.mrr_change) AS mrr,
        SUM(CASE WHEN l.effective_at <= r.as_of - INTERVAL '30 days' THEN l.mrr_change ELSE 0 END) AS mrr_30,
        SUM(CASE WHEN l.effective_at <= r.as_of - INTERVAL '60 days' THEN l.mrr_change ELSE 0 END) AS mrr_60,
        SUM(CASE WHEN l.effective_at <= r.as_of - INTERVAL '90 days' THEN l.mrr_change ELSE 0 END) AS mrr_90
    FROM mrr_ledger l
    CROSS JOIN run_clock r
    INNER JOIN account_money m ON m.account_id = l.account_id AND m.currency = l.currency AND m.place = 1
    GROUP BY l.account_id
),
-- To start, or to start again, is no rise.
grown AS (
    SELECT
        account_id,
        CASE WHEN mrr_30 > 0 AND mrr > mrr_30 THEN 1 ELSE 0 END
        + CASE WHEN mrr_60 > 0 AND mrr_30 > mrr_60 THEN 1 ELSE 0 END
        + CASE WHEN mrr_90 > 0 AND mrr_60 > mrr_90 THEN 1 ELSE 0 END AS mrr_ups
    FROM stood
),
charges_ahead AS (
    SELECT
        i.account_id,
        i.customer_id,
        i.period_ends_at,
        s.is_automatic,
        COALESCE(s.default_payment_method, c.default_payment_method) AS method_id,
        ROW_NUMBER() OVER (PARTITION BY i.account_id ORDER BY i.period_ends_at, i.subscription_id, i.item_id) AS place
    FROM subscription_items i
    CROSS JOIN run_clock r
    INNER JOIN stg_subscriptions s ON s.subscription_id = i.subscription_id
    LEFT JOIN stg_customers c ON c.customer_id = i.customer_id
    WHERE i.account_id IS NOT NULL
        AND i.mrr > 0
        AND i.period_ends_at > r.as_of
        AND (i.ends_at IS NULL OR i.ends_at > i.period_ends_at)
),
used AS (
    SELECT
        m.customer_id,
        m.method_id,
        m.card_label,
        m.card_expires_on,
        EXTRACT(EPOCH FROM r.as_of) - 396 * 86400 AS of_late,
        m.card_expires_on < CAST(r.as_of AS DATE) AS is_over,
        MAX(CASE WHEN m.refused_epoch <= EXTRACT(EPOCH FROM r.as_of) THEN NULL ELSE m.used_epoch END) OVER w AS paid_epoch,
        ROW_NUMBER() OVER (PARTITION BY m.customer_id, m.method_id ORDER BY m.used_epoch DESC, m.charge_id DESC) AS place
    FROM charge_methods m
    CROSS JOIN run_clock r
    WHERE m.method_id IS NOT NULL AND m.used_epoch <= EXTRACT(EPOCH FROM r.as_of)
    WINDOW w AS (PARTITION BY m.customer_id, m.method_id)
),
known_methods AS (
    SELECT
        *,
        SUM(CASE WHEN paid_epoch >= of_late AND is_over IS NOT TRUE THEN 1 ELSE 0 END) OVER (PARTITION BY customer_id)
        - CASE WHEN paid_epoch >= of_late AND is_over IS NOT TRUE THEN 1 ELSE 0 END AS others
    FROM used
    WHERE place = 1
),
chosen AS (
    SELECT
        n.account_id,
        k.card_label,
        k.card_expires_on,
        k.others,
        ROW_NUMBER() OVER (PARTITION BY n.account_id ORDER BY k.paid_epoch DESC, k.method_id) AS place
    FROM charges_ahead n
    INNER JOIN known_methods k ON k.customer_id = n.customer_id
    WHERE n.place = 1
        AND n.is_automatic
        AND CASE WHEN n.method_id IS NULL THEN k.paid_epoch IS NOT NULL ELSE k.method_id = n.method_id END
)
SELECT
    a.account_id,
    g.mrr_ups,
    c.card_expires_on,
    c.card_label,
    c.others = 0 AS is_only_method,
    CAST(n.period_ends_at AS DATE) AS next_charge_date
FROM (SELECT DISTINCT account_id FROM account_customers) a
LEFT JOIN grown g ON g.account_id = a.account_id
LEFT JOIN charges_ahead n ON n.account_id = a.account_id AND n.place = 1
LEFT JOIN chosen c ON c.account_id = a.account_id AND c.place = 1
