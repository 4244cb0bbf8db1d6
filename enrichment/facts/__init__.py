"""Facts about accounts at an instant, read from Stripe, HubSpot and usage data.

Dated tables are built once from the landing, each row with ``known_at``. Facts at an instant are read from
the rows known by then, today and for any past day alike.
"""
