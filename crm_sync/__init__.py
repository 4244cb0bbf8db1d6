"""Matching, plan and apply: what goes back into the CRM."""
