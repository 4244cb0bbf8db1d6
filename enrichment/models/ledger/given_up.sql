-- After how many attempts Stripe gives up: a setting of the Stripe account, which the subscriptions that are unpaid now
-- reveal; among some of its customers also what is known of all.
SELECT LEAST(MIN(i.attempt_count), MIN(r.known_attempts)) AS attempts
FROM ledger_rules r
LEFT JOIN stg_subscriptions s ON s.status = 'unpaid'
LEFT JOIN stg_invoices i
    ON i.subscription_id = s.subscription_id
    AND i.status = 'open' AND i.is_automatic AND i.attempt_count > 1
