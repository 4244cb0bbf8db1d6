-- One row per account: who it is, what it pays, what it has bought, how it pays.
WITH members AS (
    SELECT
        a.account_id,
        MAX(a.company_id) AS company_id,
        ARRAY_AGG(a.customer_id ORDER BY a.customer_id) AS stripe_customer_ids,
        STRING_AGG(DISTINCT a.match_rule, ', ' ORDER BY a.match_rule) AS match_rule,
        MIN(COALESCE(c.customer_name, c.email)) AS customer_name,
        MIN(c.currency) AS customer_currency
    FROM account_customers a
    LEFT JOIN stg_customers c ON c.customer_id = a.customer_id
    GROUP BY a.account_id
)
SELECT
    m.account_id,
    COALESCE(o.name, o.domain, m.customer_name, m.account_id) AS name,
    m.company_id,
    o.owner_id,
    w.owner_name,
    m.stripe_customer_ids,
    m.match_rule,
    COALESCE(y.currency, m.customer_currency) AS currency,
    CAST(COALESCE(y.mrr, 0) AS BIGINT) AS mrr,
    CAST(COALESCE(y.contract_mrr, 0) AS BIGINT) AS contract_mrr,
    CAST(COALESCE(y.scheduled_churn_mrr, 0) AS BIGINT) AS scheduled_churn_mrr,
    CAST(COALESCE(y.committed_mrr, 0) AS BIGINT) AS committed_mrr,
    CAST(COALESCE(y.potential_trial_mrr, 0) AS BIGINT) AS potential_trial_mrr,
    h.mrr_90,
    h.mrr_180,
    h.mrr_365,
    t.plan,
    t.term_days,
    t.renewal_date,
    t.first_end,
    t.last_end,
    t.counted_items,
    t.ending_items,
    CAST(r.as_of AS DATE) AS described_on,
    CAST(s.since_at AS DATE) AS customer_since,
    CAST(s.first_paid_at AS DATE) AS first_paid,
    s.status,
    CAST(r.as_of AS DATE) - CAST(s.since_at AS DATE) AS days_as_customer,
    CAST(r.as_of AS DATE) - CAST(s.first_paid_at AS DATE) AS days_since_paid,
    t.renewal_date - CAST(r.as_of AS DATE) AS days_to_renewal,
    CAST(COALESCE(p.invoices_ever, 0) AS BIGINT) AS invoices_ever,
    CAST(COALESCE(p.invoices, 0) AS BIGINT) AS invoices,
    CAST(COALESCE(p.bad_invoices, 0) AS BIGINT) AS bad_invoices,
    p.open_invoice_id,
    p.open_currency,
    p.open_invoices,
    p.open_total,
    p.most_attempts,
    p.days_past_due
FROM members m
CROSS JOIN run_clock r
INNER JOIN account_standing s ON s.account_id = m.account_id
LEFT JOIN stg_companies o ON o.company_id = m.company_id
LEFT JOIN stg_owners w ON w.owner_id = o.owner_id
LEFT JOIN account_money y ON y.account_id = m.account_id AND y.place = 1
LEFT JOIN account_history h ON h.account_id = m.account_id AND h.currency = y.currency
LEFT JOIN account_terms t ON t.account_id = m.account_id
LEFT JOIN account_payments p ON p.account_id = m.account_id
