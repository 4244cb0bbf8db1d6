-- The terms of lines for whole cycles of one price per unit, if neither discounts nor taxes come into it.
SELECT
    CAST(ROW_NUMBER() OVER () AS INTEGER) AS term_no,
    '' AS bundle,
    0 AS place,
    l.price_id,
    l.quantity,
    l.currency,
    '' AS own_discounts,
    '' AS shared_discounts,
    '' AS tax_rates,
    FALSE AS is_proration
FROM (SELECT DISTINCT price_id, quantity, currency FROM stg_invoice_lines WHERE NOT is_proration) l
INNER JOIN stg_prices p ON p.price_id = l.price_id
CROSS JOIN ledger_rules r
WHERE p.usage_type <> 'metered' AND p.tiers_mode = '' AND NOT r.is_invoice_basis
