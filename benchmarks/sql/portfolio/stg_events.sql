-- A renewal moves the periods of the items, so nearly all subscriptions have an event of the last month.
SELECT
    'evt_1' || substr(md5('e' || i), 1, 24) AS event_id,
    'customer.subscription.updated' AS event_type,
    CAST(epoch(last_start) AS BIGINT) AS created_epoch,
    subscription_id,
    customer_id,
    '{"items":{"data":[{"current_period_end":1781913600}]},"latest_invoice":"in_1"}' AS changed_fields
FROM subs WHERE ended_at IS NULL AND last_start > TIMESTAMP '$as_of' - INTERVAL 30 DAY
