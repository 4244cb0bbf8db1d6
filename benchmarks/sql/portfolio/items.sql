-- Their items: a plan, and for some a second one.
WITH both_items AS (
    SELECT
        *,
        1 AS item_no,
        CASE
            WHEN plan < 20 AND NOT is_yearly THEN 'tiered'
            WHEN plan < 500 THEN 'basic' WHEN plan < 750 THEN 'team' WHEN plan < 930 THEN 'business' ELSE 'scale'
        END AS plan_name,
        1 + CASE WHEN seats < 500 THEN 0 ELSE seats % 12 END AS quantity
    FROM subs
    UNION ALL
    SELECT *, 2, CASE WHEN plan % 20 = 0 AND NOT is_yearly THEN 'metered' ELSE 'extra' END, 1 + seats % 4
    FROM subs WHERE has_second
)
SELECT
    *,
    'si_1' || substr(md5('i' || i || '.' || item_no), 1, 24) AS item_id,
    'price_' || currency || '_' || plan_name || CASE WHEN is_yearly THEN '_year' ELSE '' END AS price_id,
    CASE WHEN change_no IS NOT NULL AND item_no = 1 THEN quantity + 1 + seats % 3 ELSE quantity END AS later_quantity
FROM both_items
