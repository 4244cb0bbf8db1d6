-- Which HubSpot records are linked, once for each two. is_primary: to the company that is the record's own (the
-- types that HubSpot defines for contact, deal and ticket; labels of a portal's own may carry the same numbers).
-- A link has no date: it counts as soon as both of its ends are known.
SELECT
    from_object_type AS from_type,
    from_id,
    to_object_type AS to_type,
    to_id,
    MAX(
        CASE WHEN type_id IN ('1', '5', '26') AND COALESCE(category, '') <> 'USER_DEFINED' THEN 1 ELSE 0 END
    ) = 1 AS is_primary
FROM latest_hubspot_associations
GROUP BY from_object_type, from_id, to_object_type, to_id
