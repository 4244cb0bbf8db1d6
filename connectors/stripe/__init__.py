"""Stripe: client and streams."""
