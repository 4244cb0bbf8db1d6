-- The currencies by themselves and the reporting currency, with a number to group and sort by.
SELECT
    currency,
    valuation,
    CAST(ROW_NUMBER() OVER (ORDER BY valuation, currency) AS INTEGER) AS value_no
FROM (SELECT DISTINCT currency, valuation FROM unit_movements) found
