-- As the staging model of this name leaves it, or the part before the ledger.
SELECT discount_id, '{"coupon":"' || coupon_id || '","type":"coupon"}' AS coupon_source,
    CAST(epoch(anchor) AS BIGINT) AS start_epoch,
    CASE WHEN coupon_id = 'START50' THEN CAST(epoch(anchor + INTERVAL 3 MONTH) AS BIGINT) END AS end_epoch
FROM subs WHERE coupon_id IS NOT NULL
