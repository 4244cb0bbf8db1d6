-- What Stripe's billing meters counted, per customer and day; known when the day is over.
SELECT
    'stripe_customer_id' AS key_kind,
    s.customer AS account_key,
    CAST(NULL AS VARCHAR) AS user_id,
    COALESCE(m.event_name, s.meter) AS event,
    to_timestamp(s.start_time) AT TIME ZONE 'UTC' AS "at",
    s.aggregated_value AS quantity,
    to_timestamp(COALESCE(s.end_time, s.start_time + 86400)) AT TIME ZONE 'UTC' AS known_at,
    'stripe_meter_event_summaries' AS source
FROM latest_stripe_meter_event_summaries s
LEFT JOIN latest_stripe_meters m ON m.id = s.meter
WHERE s.start_time IS NOT NULL AND s.aggregated_value >= 0 AND s.aggregated_value < 1e300
