"""Reads CSV files that people download: Stripe's dashboard exports, and lists of MRR per customer."""
