-- How many spells of each kind there are: of all accounts ('' as segment), and of those of each segment's value.
WITH placed AS (
    SELECT s.*, '' AS segment, '' AS segment_value
    FROM lifetime_spells s
    UNION ALL
    SELECT s.*, g.segment, g.segment_value
    FROM lifetime_spells s
    INNER JOIN account_segments g ON g.account_id = s.account_id
)
SELECT
    currency,
    valuation,
    segment,
    segment_value,
    began,
    ended,
    resumed,
    months_before,
    has_churned,
    COUNT(*) AS accounts
FROM placed
GROUP BY currency, valuation, segment, segment_value, began, ended, resumed, months_before, has_churned
