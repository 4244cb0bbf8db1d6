"""Stripe and HubSpot look-alikes over real HTTP."""
