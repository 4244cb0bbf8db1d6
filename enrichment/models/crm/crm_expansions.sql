-- Open expansion deals of accounts; amount in minor units. Stage, pipeline and type have no date: a deal is known as
-- it is at its last change.
SELECT
    h.account_id,
    d.id AS deal_id,
    d.dealname AS name,
    CASE
        WHEN d.amount ~ '^[0-9]{1,12}([.][0-9]{1,6})?$'
            THEN CAST(ROUND(CAST(d.amount AS DECIMAL(18, 6)) * u.minor_units) AS BIGINT)
    END AS amount,
    u.currency,
    COALESCE(d.hs_v2_date_entered_current_stage, d."updatedAt", d."createdAt") AS moved_at,
    COALESCE(d."updatedAt", d."createdAt") AS known_at
FROM latest_hubspot_deals d
INNER JOIN crm_homes h ON h.object_type = 'deals' AND h.record_id = d.id
CROSS JOIN crm_settings c
LEFT JOIN crm_pipelines p ON p.pipeline_id = d.pipeline
LEFT JOIN crm_stages s ON s.object_type = 'deals' AND s.pipeline_id = d.pipeline AND s.stage_id = d.dealstage
LEFT JOIN crm_currencies u ON u.currency = LOWER(d.deal_currency_code)
WHERE NOT COALESCE(d.archived, FALSE)
    AND NOT COALESCE(s.is_closed, d.hs_is_closed = 'true', FALSE)
    AND CASE
        WHEN c.names_pipelines THEN COALESCE(p.is_named, FALSE)
        ELSE COALESCE(d.dealtype, '') = 'existingbusiness' AND NOT COALESCE(p.is_renewal, FALSE)
    END
