-- Records of the CRM that no fact is read from, each with its reason.
SELECT 'hubspot_contacts' AS stream, contact_id AS id,
    'Several of its companies are accounts and none is its primary one: it counts for none of them.' AS reason
FROM crm_contacts
WHERE is_unclear
UNION ALL
SELECT 'hubspot_' || object_type, record_id, reason FROM crm_activities WHERE reason IS NOT NULL
UNION ALL
SELECT stream, id, reason FROM crm_survey_rows WHERE reason IS NOT NULL
UNION ALL
SELECT 'hubspot_tickets', ticket_id, reason FROM crm_ticket_rows WHERE reason IS NOT NULL
