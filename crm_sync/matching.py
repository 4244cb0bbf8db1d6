"""Finds the HubSpot company of each Stripe customer. Pure."""

from __future__ import annotations

import pandas as pd


def match(
    customers: pd.DataFrame,
    companies: pd.DataFrame,
    contacts: pd.DataFrame,
    links: pd.DataFrame | None = None,
    stripe_id_property: str = "stripe_customer_id",
) -> pd.DataFrame:
    """Return the company of each customer and the rule that found it.

    Args:
        customers: customer_id, email, metadata (JSON text).
        companies: company_id, domain, properties (JSON text); archived ones left out.
        contacts: contact_id, email, company_id (the primary company); properties (JSON text) if there is.
        links: stripe_customer_id, company_id: what a person decided; None for none.
        stripe_id_property: company property in which the team keeps Stripe customer ids.

    Returns:
        One row per customer, in the order given: customer_id, company_id (null when none), rule (``link``,
        ``company_property``, ``stripe_metadata``, ``billing_email``, ``domain``; null when none found
        anything) and candidates (list of company ids; two or more with a null company_id: ambiguous).
    """
    raise NotImplementedError
