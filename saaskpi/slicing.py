"""Which accounts a change concerns, and every row that their numbers are made of."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pandas as pd

from crm_sync.candidates import Candidates
from crm_sync.matching import match
from saaskpi.members import Members
from saaskpi.shelf import ANYBODY, CARRYING, GLOBAL, Shelf
from saaskpi.shelf_copy import BY_ID, RECORDS
from warehouse.engine import Engine
from warehouse.marts import Marts

_OF_CUSTOMERS: Final = (
    "stripe_subscriptions",
    "stripe_subscription_items",
    "stripe_invoices",
    "stripe_invoice_lines",
    "stripe_charges",
    "stripe_events",
    "stripe_meter_event_summaries",
)
_ITEMS: Final = "stripe_subscription_items"
_USAGE: Final = "usage_events"
Tables = dict[str, str | pd.DataFrame]
"""Tables by name: a SELECT over the shelf, or the rows."""
_NEWEST: Final = "QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY _seq DESC) = 1"


@dataclass(frozen=True)
class Concerned:
    """What a change concerns, by the vendors' ids; for accounts, ours.

    Attributes:
        customers: Stripe customers.
        companies: HubSpot companies, also those that are gone.
        contacts: HubSpot contacts, also those that are gone.
        accounts: accounts of which nothing but this is known.
    """

    customers: frozenset[str] = frozenset()
    companies: frozenset[str] = frozenset()
    contacts: frozenset[str] = frozenset()
    accounts: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Slice:
    """Some accounts, computed without the others.

    Attributes:
        customers: all their Stripe customers, as of now and as of the tables there are.
        accounts: their ids, as of now and as of the tables there are: what is to be replaced.
        companies: the HubSpot companies among them.
        matched: the company of each of the customers, as matching gives it.
        context: customers of further accounts that something of these depends on, with their companies if
            they have one.
    """

    customers: frozenset[str]
    accounts: frozenset[str]
    companies: frozenset[str]
    matched: pd.DataFrame
    context: dict[str, str | None] = field(default_factory=dict)

    def match(self, *, customers: pd.DataFrame, **_: Any) -> pd.DataFrame:
        """Return the company of each customer that there is; as ``compute`` asks for it."""
        rows: list[tuple[str, str | None, str, list[str]]] = [
            (customer, company, "", []) for customer, company in self.context.items()
        ]
        known = pd.concat([self.matched, pd.DataFrame(rows, columns=self.matched.columns)])
        return customers[["customer_id"]].merge(known, on="customer_id", how="left")


class Slicer:
    """Finds slices and puts their rows into the engine.

    Args:
        engine: stays open; what does not change from slice to slice is kept in it.
        shelf: over the same engine.
        marts: the current run's tables.
        links: what people decided, as the store has it.
    """

    def __init__(self, engine: Engine, shelf: Shelf, marts: Marts, links: Callable[[], pd.DataFrame]) -> None:
        self._engine = engine
        self._shelf = shelf
        self._marts = marts
        self._links = links
        self._candidates = Candidates()
        self._members = Members(pd.DataFrame(columns=["customer_id", "company_id"]))
        self._usage: list[Path] = []
        self._has_carried = False
        self._holders = pd.DataFrame()
        self._version = ""

    def update(self) -> None:
        """Take in what the landing and the current run hold by now."""
        if self._shelf.update():
            self._candidates = Candidates()
            self._has_carried = _ITEMS in self._shelf.streams and self._engine.count(CARRYING) > 0
            for stream in self._shelf.streams:
                self._take_in(stream, f"full_{stream}")
        for stream, seq in self._shelf.news.items():
            self._take_in(stream, f"delta_{stream} WHERE _seq >= {seq}")
        self._candidates.add_links(self._links())
        if self._version != (version := self._marts.version()):
            self._members = Members(self._marts.read("account_match"))
            self._holders = self._marts.read("usage_holders")
            self._version = version

    def patched(
        self, part: Slice, former: str, version: str, matches: pd.DataFrame, holders: pd.DataFrame
    ) -> None:
        """Take in a patch that was laid over the current run.

        Args:
            part: whose rows it replaces.
            former: the version of the tables before it.
            version: their version since.
            matches: the patch's ``account_match``.
            holders: its ``usage_holders``.
        """
        if self._version != former:
            return
        self._members.replace(part.customers, matches)
        others = self._holders[~self._holders["account_id"].isin(part.accounts)]
        self._holders = pd.concat([others, holders], ignore_index=True)
        self._version = version

    def slice_of(self, concerned: Concerned) -> Slice:
        """Return the accounts that a change concerns, old and new ones, with all their customers.

        What a customer is matched to depends on it and on what it shares with companies and contacts; so
        these are looked at again until nobody joins any more.
        """
        members, candidates = self._members, self._candidates
        companies = set(concerned.companies) | (concerned.accounts & set(members.customers_of))
        companies |= candidates.companies_of_contacts(concerned.contacts)
        customers = set(concerned.customers) | (concerned.accounts - companies)
        customers |= candidates.customers_of(companies, concerned.contacts) | members.of_all(companies)
        links = self._links()
        while True:
            matched = self._match(customers, links)
            found = {one for one in matched["company_id"] if isinstance(one, str)}
            found |= {members.company_of[one] for one in customers if one in members.company_of}
            joining = members.of_all(found) - customers
            if not joining:
                break
            customers |= joining
        now = dict(zip(matched["customer_id"], matched["company_id"], strict=True))
        accounts = {members.account_of(one) for one in customers}
        accounts |= {own if isinstance(own := now.get(one), str) else one for one in customers}
        return Slice(
            frozenset(customers), frozenset(accounts | companies), frozenset(found | companies), matched
        )

    def open_usage(self, files: Sequence[Path]) -> None:
        """Make the usage readable, before rows are put.

        Args:
            files: of usage events.
        """
        if self._usage != list(files):
            self._usage = list(files)
            if files:
                self._engine.register_files(_USAGE, files)

    def look_ahead(self, concerned: Concerned) -> None:
        """Take those rows out of the files that a slice is most likely made of, while its news are awaited.

        Args:
            concerned: what is known to be concerned by now.
        """
        if self._shelf.streams:
            with self._shelf.ahead():
                self._rows_of(self.slice_of(concerned))

    def put_rows(self, part: Slice) -> Slice:
        """Put every row that a slice is made of into the engine's own tables, under the streams' names.

        Args:
            part: the slice.

        Returns:
            The slice with its context.
        """
        tables, context = self._rows_of(part)
        for name, rows in tables.items():
            if isinstance(rows, str):
                self._engine.run(name, rows)
            else:
                self._engine.register_frame(name, rows)
        return Slice(part.customers, part.accounts, part.companies, part.matched, context)

    def forget_ahead(self) -> None:
        """Free what was taken out of the files ahead."""
        self._shelf.forget_ahead()

    def _rows_of(self, part: Slice) -> tuple[Tables, dict[str, str | None]]:
        """Return every row that a slice is made of, and its context."""
        customers = f"owner IN ({_listed(part.customers)})"
        tables: Tables = {one: self._shelf.rows(one, customers) for one in self._there(_OF_CUSTOMERS)}
        if _ITEMS in tables and self._has_carried:
            # Items of others that carry a price which no list has: their own carry no more of it.
            tables[_ITEMS] = f"{tables[_ITEMS]} UNION BY NAME SELECT * FROM memory.main.{CARRYING}"
        tables |= {one: self._shelf.rows(one, ANYBODY) for one in self._there(GLOBAL)}
        # Those that name no customer, too: any of theirs may be meant.
        unowned = f"{customers} OR owner IS NULL"
        tables |= {one: self._shelf.rows(one, unowned) for one in self._there(["stripe_discounts"])}
        records, contacts, linked = self._records_of(part)
        usage, holders = self._usage_of(part)
        context = self._context(part, linked | holders)
        own = {"hubspot_contacts": contacts}
        own["hubspot_companies"] = {*part.companies, *(one for one in context.values() if one)}
        own["stripe_customers"] = {*part.customers, *context}
        by_id = {one: self._shelf.rows(one, f"owner IN ({_listed(own[one])})") for one in self._there(BY_ID)}
        return {**tables, **records, **usage, **by_id}, context

    def _there(self, streams: Iterable[str]) -> list[str]:
        return [one for one in streams if one in self._shelf.streams]

    def _take_in(self, stream: str, rows: str) -> None:
        """Give the keys of customers, companies or contacts to the candidates."""
        if stream == "stripe_customers":
            found = self._engine.frame(f"SELECT id AS customer_id, email, metadata FROM {rows}")
            self._candidates.add_customers(found)
        elif stream == "stripe_subscriptions":
            # Of a customer that Stripe deleted there is nothing else.
            found = self._engine.frame(f"SELECT DISTINCT owner AS customer_id FROM {rows}")
            self._candidates.add_customers(found.dropna().assign(email=None, metadata=None))
        elif stream == "hubspot_companies":
            self._candidates.add_companies(self._engine.frame(f"SELECT {_COMPANY} FROM {rows}"))
        elif stream == "hubspot_contacts":
            self._candidates.add_contacts(self._engine.frame(f"SELECT {_CONTACT} FROM {rows}"))

    def _match(self, customers: Collection[str], links: pd.DataFrame) -> pd.DataFrame:
        """Match some customers as if all were matched."""
        companies = self._candidates.companies_of(customers)
        contacts = self._candidates.contacts_of(customers)
        listed = self._newest("stripe_customers", "id AS customer_id, email, metadata", customers)
        deleted = pd.DataFrame({"customer_id": sorted(set(customers) - set(listed["customer_id"]))})
        return match(
            pd.concat([listed, deleted], ignore_index=True),
            self._living("hubspot_companies", _COMPANY, companies),
            self._living("hubspot_contacts", _CONTACT, contacts),
            links=links,
        )

    def _newest(self, stream: str, columns: str, ids: Collection[str]) -> pd.DataFrame:
        rows = self._shelf.rows(stream, f"owner IN ({_listed(ids)})")
        return self._engine.frame(f"SELECT {columns} FROM ({rows}) {_NEWEST} ORDER BY id")

    def _living(self, stream: str, columns: str, ids: Collection[str]) -> pd.DataFrame:
        found = self._newest(stream, f"{columns}, archived", ids)
        return found[~found["archived"].eq(True).fillna(False).astype(bool)].drop(columns="archived")

    def _records_of(self, part: Slice) -> tuple[Tables, set[str], set[str]]:
        """Return what is linked to the companies of a slice; the contacts and all companies linked."""
        contacts = self._candidates.contacts_of_companies(part.companies)
        if "hubspot_associations" not in self._shelf.streams:
            none: Tables = {stream: _none_of(stream) for stream in self._there(RECORDS)}
            return none, contacts, self._candidates.companies_of_contacts(contacts)
        leading = self._leading("companies", part.companies)
        contacts |= set(leading.loc[leading["from_object_type"] == "contacts", "from_id"])
        leading = pd.concat([leading, self._leading("contacts", contacts)])
        links = self._links_from(leading)
        further = set(links.loc[links["to_object_type"] == "contacts", "to_id"]) - contacts
        if further:
            named = links[links["to_id"].isin(further) & (links["to_object_type"] == "contacts")]
            theirs = pd.DataFrame(
                {
                    "from_object_type": "contacts",
                    "from_id": named["to_id"],
                    "owner": named["to_home"],
                }
            )
            links = pd.concat([links, self._links_from(theirs)])
            contacts |= further
        tables: Tables = {
            "hubspot_associations": links.drop(columns=["owner", "to_home"]).drop_duplicates(),
            **{stream: self._linked(stream, leading) for stream in self._there(RECORDS)},
        }
        linked = set(links.loc[links["to_object_type"] == "companies", "to_id"])
        return tables, contacts, linked | self._candidates.companies_of_contacts(contacts)

    def _leading(self, kind: str, ids: Collection[str]) -> pd.DataFrame:
        """Return what leads to some records: from_object_type, from_id and owner (null: unknown)."""
        where = f"to_object_type = '{kind}' AND to_id IN ({_listed(ids)})"
        return self._engine.frame(self._shelf.links_to(where)).drop_duplicates()

    def _links_from(self, records: pd.DataFrame) -> pd.DataFrame:
        """Return all links from some records."""
        self._engine.register_frame("from_records", records.drop_duplicates())
        where = "(from_object_type, from_id) IN (SELECT from_object_type, from_id FROM from_records)"
        return self._engine.frame(self._shelf.rows("hubspot_associations", self._owned(records), where))

    def _linked(self, stream: str, leading: pd.DataFrame) -> str:
        """Return the records of one type that lead to the companies or contacts of a slice."""
        records = leading[leading["from_object_type"] == stream.removeprefix("hubspot_")]
        if records.empty:  # known without looking into the files
            return _none_of(stream)
        return self._shelf.rows(stream, self._owned(records), f"id IN ({_listed(set(records['from_id']))})")

    @staticmethod
    def _owned(records: pd.DataFrame) -> str:
        """Return where the rows of records lie; of some that were linked since, only that it is anywhere."""
        if records["owner"].isna().any():
            return ANYBODY
        return f"owner IN ({_listed(set(records['owner']))})"

    def _usage_of(self, part: Slice) -> tuple[Tables, set[str]]:
        """Return the usage under every key that may mean an account, and who else has such a key."""
        if not self._usage:
            return {}, set()
        names = self._names(part)
        holders = self._holders
        shares = holders["account_key"].str.strip().str.lower().isin(names)
        return {
            "account_names": f"SELECT UNNEST([{_listed(names)}]) AS name",
            _USAGE: f"SELECT * FROM memory.main.{_USAGE} "
            "WHERE LOWER(TRIM(account_key)) IN (SELECT name FROM account_names)",
        }, set(holders.loc[shares, "account_id"])

    def _names(self, part: Slice) -> set[str]:
        """Return, in lower case, everything by which usage may name the accounts of a slice."""
        found = {*part.accounts, *part.customers, *part.companies}
        texts = [
            text
            for stream, column, ids in (
                ("stripe_customers", "metadata", part.customers),
                ("hubspot_companies", "properties", part.companies),
            )
            if stream in self._shelf.streams
            for text in self._newest(stream, f"CAST({column} AS VARCHAR) AS said", ids)["said"]
        ]
        for text in texts:
            values = json.loads(text).values() if isinstance(text, str) and text else ()
            found |= {str(value) for value in values if value is not None}
        return {name.strip().lower() for name in found}

    def _context(self, part: Slice, linked: Collection[str]) -> dict[str, str | None]:
        """Return the customers, each with its company, of the other accounts among those linked."""
        members, context = self._members, dict[str, str | None]()
        for other in set(linked) - part.accounts - part.customers:
            context |= dict.fromkeys(members.customers_of.get(other, ()), other)
            if other in members.unmatched:
                context[other] = None
        return {one: company for one, company in context.items() if one not in part.customers}


_COMPANY: Final = (
    "id AS company_id, NULLIF(CAST(properties AS JSON) ->> 'domain', '') AS domain, "
    "CAST(properties AS VARCHAR) AS properties"
)
_CONTACT: Final = (
    "id AS contact_id, NULLIF(CAST(properties AS JSON) ->> 'email', '') AS email, "
    "CAST(properties AS VARCHAR) AS properties, "
    "NULLIF(CAST(properties AS JSON) ->> 'associatedcompanyid', '') AS company_id"
)


def _none_of(stream: str) -> str:
    return f"SELECT * FROM memory.main.delta_{stream} WHERE 1 = 0"


def _listed(ids: Collection[str]) -> str:
    """Return ids as a list in SQL; of none at all, one that nothing has."""
    return ", ".join("'" + one.replace("'", "''") + "'" for one in sorted(ids)) or "''"
