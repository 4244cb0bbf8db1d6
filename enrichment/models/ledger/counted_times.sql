-- The times [counts_from, counts_until) in which a subscription counts: its life less what the policy leaves out.
WITH cuts AS (
    SELECT
        l.*,
        t.starts,
        t.ends AS resumes,
        t.reason,
        t.source_object,
        LAG(t.ends) OVER w AS last_resumes,
        LAG(t.reason) OVER w AS last_reason,
        LAG(t.source_object) OVER w AS last_source,
        LEAD(t.starts) OVER w AS next_starts
    FROM contract_lives l
    INNER JOIN left_out_times t ON t.subscription_id = l.subscription_id
    WHERE l.begins IS NOT NULL AND t.starts < l.ends AND t.ends > l.begins
    WINDOW w AS (PARTITION BY l.subscription_id ORDER BY t.starts)
),
pieces AS (
    SELECT
        subscription_id, customer_id, has_trial, first_sold, unpaid_epoch, unpaid_invoice, ends AS life_ends,
        COALESCE(last_resumes, begins) AS counts_from,
        starts AS counts_until,
        last_reason AS left_out_before,
        last_source AS source_before,
        reason AS left_out_after,
        source_object AS source_after
    FROM cuts
    UNION ALL
    SELECT
        subscription_id, customer_id, has_trial, first_sold, unpaid_epoch, unpaid_invoice, ends,
        resumes, ends, reason, source_object, NULL, NULL
    FROM cuts
    WHERE next_starts IS NULL
    UNION ALL
    SELECT
        subscription_id, customer_id, has_trial, first_sold, unpaid_epoch, unpaid_invoice, ends,
        begins, ends, NULL, NULL, NULL, NULL
    FROM contract_lives
    WHERE begins IS NOT NULL AND subscription_id NOT IN (SELECT subscription_id FROM cuts)
)
SELECT CAST(ROW_NUMBER() OVER () AS INTEGER) AS time_no, p.*
FROM pieces p
CROSS JOIN ledger_rules r
WHERE p.counts_until > p.counts_from AND p.counts_from < r.as_of
