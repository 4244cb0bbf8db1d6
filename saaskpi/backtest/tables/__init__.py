"""Churn data that is not Stripe's or HubSpot's: other people's tables, mapped to the documented facts."""
