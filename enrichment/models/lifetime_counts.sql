-- How many spells of each kind there are, for the company as a whole.
SELECT
    currency,
    valuation,
    'all' AS segment,
    CAST(NULL AS VARCHAR) AS segment_value,
    began,
    ended,
    resumed,
    months_before,
    has_churned,
    COUNT(*) AS accounts
FROM lifetime_spells
GROUP BY currency, valuation, began, ended, resumed, months_before, has_churned
