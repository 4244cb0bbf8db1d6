-- Events of the 30 days before the instant.
SELECT e.*
FROM present_stg_events e
CROSS JOIN rewound_to r
WHERE e.created_epoch <= r.at_epoch AND e.created_epoch > r.at_epoch - 30 * 86400
