-- Everything of usage that counts for nobody, with its reason: stream, id, reason.
SELECT
    'usage_events' AS stream,
    account_key AS id,
    reason || ' ' || key_kind || ', ' || CAST(events AS VARCHAR) || ' rows.' AS reason
FROM usage_unmatched
UNION ALL
SELECT 'hubspot_companies', company_id, reason FROM usage_property_rejected
UNION ALL
SELECT 'stripe_meter_event_summaries', id, 'Its value is no number of 0 or more.'
FROM latest_stripe_meter_event_summaries
WHERE aggregated_value IS NULL OR NOT (aggregated_value >= 0 AND aggregated_value < 1e300)
