"""Finds the HubSpot company of each Stripe customer. Pure.

The steps, first to last; the first that yields a company decides:

1. ``link``: the link table, what a person decided;
2. ``company_property``: the company property in which the team keeps Stripe customer ids;
3. ``stripe_metadata``: a HubSpot company id in the Stripe customer's metadata;
4. ``billing_email``: the contact with the billing e-mail address, and its primary company;
5. ``domain``: the company with the e-mail's domain, never that of a free-mail provider.

A step that yields two companies ends the search as ambiguous: later, weaker steps must not overrule it. A
company that no longer exists counts as not yielded; one that was merged stands for its survivor. Names are
never compared: two companies of one name are too common. Upper case and blanks do not matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pandas as pd

from crm_sync.frames import picked
from crm_sync.free_mail import FREE_MAIL_DOMAINS

METADATA_KEYS = ("hubspot_company_id", "hubspot_id")
_SEPARATORS = re.compile(r"[\s,;]+")


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
        contacts: contact_id, email, company_id (the primary company); properties (JSON text) if there is,
            for further addresses.
        links: stripe_customer_id, company_id: what a person decided; None for none.
        stripe_id_property: company property in which the team keeps Stripe customer ids.

    Returns:
        One row per customer, in the order given: customer_id, company_id (null when none), rule (``link``,
        ``company_property``, ``stripe_metadata``, ``billing_email``, ``domain``; null when none found
        anything) and candidates (list of company ids; two or more with a null company_id: ambiguous).
    """
    customers = customers.drop_duplicates("customer_id")
    details = company_details(companies, stripe_id_property)
    survivors = _survivors(details)
    decided: dict[str, tuple[str, list[str]]] = {}
    for rule, pairs in _steps(customers, details, contacts, links):
        found = _candidates(pairs, survivors)
        new = {customer: (rule, sorted(ids)) for customer, ids in found.items() if customer not in decided}
        decided.update(new)
    return _result(customers["customer_id"], decided)


def _steps(
    customers: pd.DataFrame, details: pd.DataFrame, contacts: pd.DataFrame, links: pd.DataFrame | None
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each rule with its pairs of customer_id and company_id."""
    if links is not None:
        yield "link", links.rename(columns={"stripe_customer_id": "customer_id"})
    by_property = exploded(details, "stripe_ids")
    yield "company_property", _joined(customers, clean(customers["customer_id"]), by_property)
    yield "stripe_metadata", from_metadata(customers)
    emails = clean(customers["email"])
    yield "billing_email", _joined(customers, emails, contact_addresses(contacts))
    yield "domain", _joined(customers, business_domains(emails), company_domains(details))


def business_domains(emails: pd.Series[Any]) -> pd.Series[Any]:
    """Return the domains of e-mail addresses; null for those of free-mail providers."""
    domains = emails.str.extract(r"@([^@]+)$", expand=False)
    # Not isin: it would look through all of the providers for each of a few addresses.
    return domains.where(~domains.map(lambda domain: domain in FREE_MAIL_DOMAINS).astype(bool))


def _candidates(pairs: pd.DataFrame, survivors: dict[str, str]) -> dict[str, set[str]]:
    """Return the existing companies of each customer that has any."""
    found: dict[str, set[str]] = {}
    for customer, company in zip(pairs["customer_id"].tolist(), pairs["company_id"].tolist(), strict=True):
        # HubSpot types a contact's company as a number, which some readers turn into 123.0.
        survivor = survivors.get(str(company).strip().removesuffix(".0"))
        if survivor is not None:
            found.setdefault(customer, set()).add(survivor)
    return found


def _result(customer_ids: pd.Series[Any], decided: dict[str, tuple[str, list[str]]]) -> pd.DataFrame:
    nothing: tuple[str | None, list[str]] = (None, [])
    outcomes = [decided.get(customer, nothing) for customer in customer_ids]
    only = [ids[0] if len(ids) == 1 else None for _, ids in outcomes]
    return pd.DataFrame(
        {
            "customer_id": customer_ids.reset_index(drop=True),
            "company_id": pd.Series(only, dtype="str"),
            "rule": pd.Series([rule for rule, _ in outcomes], dtype="str"),
            "candidates": pd.Series([list(ids) for _, ids in outcomes], dtype=object),
        }
    )


def company_details(companies: pd.DataFrame, stripe_id_property: str) -> pd.DataFrame:
    """Return company_id, domain and from the properties stripe_ids, more_domains, merged_ids."""
    fields = {
        "stripe_ids": stripe_id_property,
        "more_domains": "hs_additional_domains",
        "merged_ids": "hs_merged_object_ids",
    }
    found = picked(companies["properties"], fields)
    ids = companies["company_id"].astype("str")
    return found.assign(company_id=ids, domain=companies["domain"])


def _survivors(details: pd.DataFrame) -> dict[str, str]:
    """Return for each company id that still leads somewhere the id of the company it leads to."""
    merged = exploded(details, "merged_ids")
    alive = dict(zip(details["company_id"], details["company_id"], strict=True))
    return {**dict(zip(merged["key"], merged["company_id"], strict=True)), **alive}


def exploded(details: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return key and company_id for each entry of a column of separated lists."""
    rows = [
        (part, company_id)
        for text, company_id in zip(
            clean(details[column]).tolist(), details["company_id"].tolist(), strict=True
        )
        if isinstance(text, str)
        for part in _SEPARATORS.split(text)
        if part
    ]
    return pd.DataFrame(rows, columns=["key", "company_id"], dtype="str")


def company_domains(details: pd.DataFrame) -> pd.DataFrame:
    """Return key (a domain) and company_id for each domain of each company."""
    own = pd.DataFrame({"key": clean(details["domain"]), "company_id": details["company_id"]})
    pairs = pd.concat([own, exploded(details, "more_domains")], ignore_index=True)
    # People type whole addresses into the domain field.
    bare = pairs["key"].str.replace(r"^[a-z]+://", "", regex=True).str.replace(r"[/:?#].*$", "", regex=True)
    pairs["key"] = bare.str.removeprefix("www.").str.rstrip(".")
    return pairs


def contact_addresses(contacts: pd.DataFrame) -> pd.DataFrame:
    """Return key (an e-mail address) and company_id for each address of each contact."""
    pairs = pd.DataFrame({"key": clean(contacts["email"]), "company_id": contacts["company_id"]})
    if "properties" not in contacts:
        return pairs
    further = picked(contacts["properties"], {"addresses": "hs_additional_emails"})
    return pd.concat([pairs, exploded(further.assign(company_id=contacts["company_id"]), "addresses")])


def from_metadata(customers: pd.DataFrame) -> pd.DataFrame:
    """Return customer_id and company_id for each HubSpot id in a customer's metadata."""
    pieces = [
        pd.DataFrame({"customer_id": customers["customer_id"], "company_id": clean(values)})
        for _, values in picked(customers["metadata"], {key: key for key in METADATA_KEYS}).items()
    ]
    return pd.concat(pieces)


def _joined(customers: pd.DataFrame, keys: pd.Series[Any], pairs: pd.DataFrame) -> pd.DataFrame:
    """Return customer_id and company_id where a customer's key is that of a pair."""
    wanted = pd.DataFrame({"customer_id": customers["customer_id"], "key": keys}).dropna()
    return wanted[wanted["key"] != ""].merge(pairs.dropna(), on="key")


def clean(values: pd.Series[Any]) -> pd.Series[Any]:
    """Return texts without outer blanks, in lower case; nulls stay; whole numbers lose a trailing ``.0``."""
    texts = [_text(value) for value in values]
    return pd.Series(texts, index=values.index, dtype="str").str.strip().str.lower()


def _text(value: object) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) if isinstance(value, int) else None
