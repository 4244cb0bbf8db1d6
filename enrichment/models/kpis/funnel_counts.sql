-- How many stand at each step of the funnel, in one row. Contacts and leads are people in HubSpot, the rest
-- accounts. Lead: a lifecycle stage from lead on. Trial: any subscription of the account began with a trial.
-- Paying: ever had MRR. Retained: has MRR at the newest month end and had its first in an earlier month.
-- Referral: retained, with a contact at the stage evangelist.
WITH people AS (
    SELECT contact_id, company_id, CAST(properties AS JSON) ->> 'lifecyclestage' AS stage
    FROM stg_contacts
),
newest AS (
    SELECT MAX(month) AS month FROM account_month
),
payers AS (
    SELECT
        a.account_id,
        MIN(a.month) AS first_month,
        MAX(a.month) AS last_month
    FROM account_month a
    WHERE a.valuation = 'native' AND a.mrr > 0
    GROUP BY a.account_id
),
retained AS (
    SELECT p.account_id
    FROM payers p
    INNER JOIN newest n ON p.last_month = n.month AND p.first_month < n.month
),
trials AS (
    SELECT COALESCE(a.account_id, s.customer_id) AS account_id
    FROM stg_subscriptions s
    LEFT JOIN account_customers a ON a.customer_id = s.customer_id
    WHERE s.trial_ends_at > s.trial_starts_at AND s.customer_id IS NOT NULL
    GROUP BY COALESCE(a.account_id, s.customer_id)
),
referrals AS (
    SELECT r.account_id
    FROM retained r
    INNER JOIN account_customers a ON a.account_id = r.account_id
    INNER JOIN people p ON p.company_id = a.company_id
    WHERE p.stage = 'evangelist'
    GROUP BY r.account_id
)
SELECT
    (SELECT COUNT(*) FROM people) AS contacts,
    (
        SELECT COUNT(*) FROM people
        WHERE stage IN (
            'lead', 'marketingqualifiedlead', 'salesqualifiedlead', 'opportunity', 'customer', 'evangelist'
        )
    ) AS leads,
    (SELECT COUNT(*) FROM trials) AS trials,
    (SELECT COUNT(*) FROM payers) AS paying,
    (SELECT COUNT(*) FROM retained) AS retained,
    (SELECT COUNT(*) FROM referrals) AS referrals
