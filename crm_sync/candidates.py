"""Which customers and companies a change can bring together or part: at least all that matching could.

Matching looks at every company and contact for every customer. For a few of them it needs only those that
share something with them: an id, a domain, an address. What a record had before its last change counts as
well, so that nothing is overlooked; matching itself then decides by what the records say now.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any, Final, NamedTuple, TypeVar

import pandas as pd

from crm_sync.matching import (
    business_domains,
    clean,
    company_details,
    company_domains,
    contact_addresses,
    exploded,
    from_metadata,
)

_CUSTOMER: Final = "customer"
_COMPANY: Final = "company"
_ADDRESS: Final = "address"
_DOMAIN: Final = "domain"
Item = TypeVar("Item")


class _Key(NamedTuple):
    kind: str
    value: str


class Candidates:
    """Customers, companies and contacts by what they share; takes rows in, again too, and forgets none."""

    def __init__(self) -> None:
        self._customers = _Side()
        self._companies = _Side()
        self._contacts = _Side()
        self._contacts_of: dict[str, set[str]] = defaultdict(set)
        self._companies_of: dict[str, set[str]] = defaultdict(set)

    def add_customers(self, customers: pd.DataFrame) -> None:
        """Take customers in: customer_id, email, metadata (JSON text)."""
        ids = customers["customer_id"].tolist()
        emails = clean(customers["email"])
        self._customers.add(ids, _CUSTOMER, clean(customers["customer_id"]))
        self._customers.add(ids, _ADDRESS, emails)
        self._customers.add(ids, _DOMAIN, business_domains(emails))
        named = from_metadata(customers)
        self._customers.add(named["customer_id"].tolist(), _COMPANY, named["company_id"])

    def add_links(self, links: pd.DataFrame) -> None:
        """Take in what people decided: stripe_customer_id, company_id."""
        self._customers.add(links["stripe_customer_id"].tolist(), _COMPANY, links["company_id"])

    def add_companies(self, companies: pd.DataFrame, stripe_id_property: str = "stripe_customer_id") -> None:
        """Take companies in: company_id, domain, properties (JSON text)."""
        details = company_details(companies, stripe_id_property)
        self._companies.add(details["company_id"].tolist(), _COMPANY, details["company_id"])
        found = {
            _COMPANY: exploded(details, "merged_ids"),
            _CUSTOMER: exploded(details, "stripe_ids"),
            _DOMAIN: company_domains(details),
        }
        for kind, pairs in found.items():
            self._companies.add(pairs["company_id"].tolist(), kind, pairs["key"])

    def add_contacts(self, contacts: pd.DataFrame) -> None:
        """Take contacts in: contact_id, email, company_id, properties (JSON text)."""
        named = contacts.assign(company_id=contacts["contact_id"])
        pairs = contact_addresses(named)
        self._contacts.add(pairs["company_id"].tolist(), _ADDRESS, pairs["key"])
        for contact, company in zip(contacts["contact_id"], contacts["company_id"], strict=True):
            if isinstance(company, str) and company:
                plain = company.strip().removesuffix(".0")
                self._contacts_of[plain].add(contact)
                self._companies_of[contact].add(plain)

    def contacts_of_companies(self, companies: Collection[str]) -> set[str]:
        """Return the contacts that name one of some companies as theirs."""
        return _all(self._contacts_of.get(one, ()) for one in companies)

    def companies_of_contacts(self, contacts: Collection[str]) -> set[str]:
        """Return the companies that some contacts name as theirs."""
        return _all(self._companies_of.get(one, ()) for one in contacts)

    def contacts_of(self, customers: Collection[str]) -> set[str]:
        """Return the contacts that have the address of one of some customers."""
        return self._contacts.sharing(self._customers.keys(customers))

    def companies_of(self, customers: Collection[str]) -> set[str]:
        """Return the companies that some customers could be matched to."""
        keys = self._customers.keys(customers)
        told = self.companies_of_contacts(self._contacts.sharing(keys))
        return self._companies.sharing(keys | {_Key(_COMPANY, one) for one in told})

    def customers_of(self, companies: Collection[str], contacts: Collection[str] = ()) -> set[str]:
        """Return the customers that could be matched to some companies, or have the address of a contact."""
        keys = self._companies.keys(companies)
        ids = {key.value for key in keys if key.kind == _COMPANY} | set(companies)
        told = self.contacts_of_companies(ids) | set(contacts)
        return self._customers.sharing(
            keys | self._contacts.keys(told) | {_Key(_COMPANY, one) for one in ids}
        )


class _Side:
    """The records of one kind, by key."""

    def __init__(self) -> None:
        self._keys: dict[str, set[_Key]] = defaultdict(set)
        self._holders: dict[_Key, set[str]] = defaultdict(set)

    def add(self, ids: Iterable[str], kind: str, values: Iterable[Any]) -> None:
        for id_, value in zip(ids, values, strict=True):
            if isinstance(value, str) and value:
                key = _Key(kind, value.strip().removesuffix(".0"))
                self._keys[id_].add(key)
                self._holders[key].add(id_)

    def keys(self, ids: Collection[str]) -> set[_Key]:
        return _all(self._keys.get(id_, ()) for id_ in ids)

    def sharing(self, keys: Collection[_Key]) -> set[str]:
        return _all(self._holders.get(key, ()) for key in keys)


def _all(many: Iterable[Iterable[Item]]) -> set[Item]:
    return {item for one in many for item in one}
