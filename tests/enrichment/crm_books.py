"""A small HubSpot portal made up for a test, landed as a pull would land it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from enrichment.computing import set_clock
from enrichment.facts.catalogue import PART_COLUMNS
from enrichment.facts.crm import TABLES, describe_crm, prepare_crm
from enrichment.facts.sources import FactSources
from enrichment.frames import records
from enrichment.health.config import HealthConfig
from enrichment.policy import Policy
from enrichment.sources import take_newest
from enrichment.tables import leave
from tests.enrichment.books import AS_OF, Books
from tests.enrichment.tiny_engine import TinyEngine

CONNECTED = "f240bbac-87c9-4f6e-bf70-924b57d47db7"
NO_ANSWER = "73a0d17f-1163-4015-bdd5-ec830791da20"
_PRIMARY = {"contacts": 1, "deals": 5, "tickets": 26}
_CUSTOMERS = {"account_id": "VARCHAR", "customer_id": "VARCHAR", "company_id": "VARCHAR"}


def days_before(days: float, moment: datetime = AS_OF) -> str:
    """Return a time so many days before the end of October 2026, as HubSpot writes it."""
    return (moment - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


class Portal(Books):
    """Collects HubSpot's records; ``facts`` says what they come to for each account.

    Times are days before ``AS_OF``. ``created`` is when the CRM got the record, ``changed`` when it was last
    changed; both are the time of the event unless they are given.
    """

    def __init__(self) -> None:
        super().__init__()
        self.accounts: list[tuple[str, str, str | None]] = []

    def account(self, company_id: str | None = "1001", created: float = 900, **properties: Any) -> str:
        """Add an account with its company (None: it has none)."""
        account_id = company_id or "cus_alone"
        self.accounts.append((account_id, f"cus_{account_id}", company_id))
        if company_id is not None:
            self.record("companies", company_id, created, **properties)
        return account_id

    def record(
        self,
        kind: str,
        record_id: str,
        created: float | None = 900,
        changed: float | None = None,
        links: Sequence[str] = (),
        **properties: Any,
    ) -> str:
        """Add a record; ``links`` are ``companies/1001`` or, for the primary one, ``companies/1001!``."""
        unfit = properties.pop("unfit", None)
        changed = created if changed is None else changed
        self.add(
            f"hubspot_{kind}",
            id=record_id,
            createdAt=None if created is None else days_before(created),
            updatedAt=None if changed is None else days_before(changed),
            archived=False,
            properties=properties,
            unfit_properties=unfit,
        )
        for link in links:
            self.link(f"{kind}/{record_id}", link)
        return record_id

    def link(self, one: str, other: str) -> None:
        (from_type, from_id), (to_type, to_id) = one.split("/"), other.rstrip("!").split("/")
        ends = {
            "from_object_type": from_type,
            "from_id": from_id,
            "to_object_type": to_type,
            "to_id": to_id,
            "category": "HUBSPOT_DEFINED",
        }
        self.add("hubspot_associations", **ends, type_id=279, label=None)
        if other.endswith("!"):
            self.add("hubspot_associations", **ends, type_id=_PRIMARY[from_type], label="Primary")

    def contact(
        self, contact_id: str = "501", company: str | None = "1001", created: float = 800, **more: Any
    ) -> str:
        links = () if company is None else (f"companies/{company}!",)
        return self.record("contacts", contact_id, created, links=links, **more)

    def call(self, record_id: str = "c1", ago: float = 10, **more: Any) -> str:
        base = {"hs_timestamp": days_before(ago), "hs_call_disposition": CONNECTED}
        return self._activity("calls", record_id, ago, base, more)

    def email(self, record_id: str = "e1", ago: float = 10, **more: Any) -> str:
        base = {"hs_timestamp": days_before(ago), "hs_email_direction": "INCOMING_EMAIL"}
        return self._activity("emails", record_id, ago, base, more)

    def meeting(self, record_id: str = "m1", ago: float = 10, **more: Any) -> str:
        base = {
            "hs_timestamp": days_before(ago),
            "hs_meeting_start_time": days_before(ago),
            "hs_meeting_end_time": days_before(ago - 1 / 24),
            "hs_meeting_outcome": "COMPLETED",
        }
        return self._activity("meetings", record_id, ago, base, more)

    def note(self, record_id: str = "n1", ago: float = 10, **more: Any) -> str:
        return self._activity("notes", record_id, ago, {"hs_timestamp": days_before(ago)}, more)

    def answer(self, value: Any, record_id: str = "f1", ago: float = 10, **more: Any) -> str:
        base = {
            "hs_survey_type": "NPS",
            "hs_value": value,
            "hs_submission_timestamp": days_before(ago),
            "links": ("contacts/501",),
        }
        return self._activity("feedback_submissions", record_id, ago, base, more)

    def ticket(self, record_id: str = "t1", ago: float = 10, closed: float | None = None, **more: Any) -> str:
        base = {
            "createdate": days_before(ago),
            "closed_date": None if closed is None else days_before(closed),
            "hs_pipeline": "0",
            "hs_pipeline_stage": "1" if closed is None else "4",
            "hs_ticket_priority": "MEDIUM",
            "changed": ago if closed is None else closed,
        }
        return self._activity("tickets", record_id, ago, base, more)

    def deal(self, record_id: str = "d1", ago: float = 10, **more: Any) -> str:
        base = {
            "dealname": f"Deal {record_id}",
            "dealtype": "existingbusiness",
            "pipeline": "expansion",
            "dealstage": "proposal",
            "amount": 1200,
            "deal_currency_code": "EUR",
            "links": ("companies/1001!",),
        }
        return self._activity("deals", record_id, ago, base, more)

    def pipelines(self) -> None:
        """Add pipelines: support tickets, new business, renewals and expansion."""
        for kind, pipeline, label, stages in (
            ("tickets", "0", "Support", (("1", "false"), ("4", "true"))),
            ("deals", "default", "New business", (("proposal", "false"), ("closedwon", "true"))),
            ("deals", "p_renewal", "Renewals", (("proposal", "false"), ("closedwon", "true"))),
            ("deals", "expansion", "Upsell", (("proposal", "false"), ("closedwon", "true"))),
        ):
            listed = [{"id": stage, "metadata": {"isClosed": closed}} for stage, closed in stages]
            self.add("hubspot_pipelines", object_type=kind, id=pipeline, label=label, stages=listed)

    def _activity(
        self, kind: str, record_id: str, ago: float, base: dict[str, Any], more: dict[str, Any]
    ) -> str:
        values = {"created": ago, "links": ("companies/1001",), **base, **more}
        return self.record(kind, record_id, **values)

    def facts(
        self, ago: float = 0, sources: FactSources | None = None, config: HealthConfig | None = None
    ) -> pd.DataFrame:
        """Return the three parts side by side, one row per account, as of so many days before ``AS_OF``."""
        with self.prepared(sources) as engine:
            return facts_at(engine, AS_OF - timedelta(days=ago), config)

    def rows(self, ago: float = 0, sources: FactSources | None = None) -> dict[str, dict[str, Any]]:
        """Return the facts by account id as plain values; None where one is null."""
        return {row["account_id"]: row for row in records(self.facts(ago, sources))}

    def row(self, ago: float = 0, sources: FactSources | None = None) -> dict[str, Any]:
        """Return the facts of the only account."""
        (row,) = self.rows(ago, sources).values()
        return row

    def fact(self, name: str, ago: float = 0, sources: FactSources | None = None) -> Any:
        """Return one fact of the only account; None when it is null."""
        return self.row(ago, sources)[name]

    def over(self, name: str, *agos: float, sources: FactSources | None = None) -> list[Any]:
        """Return one fact of the only account as of so many days before ``AS_OF`` each."""
        found = []
        with self.prepared(sources) as engine:
            for ago in agos:
                (row,) = records(facts_at(engine, AS_OF - timedelta(days=ago)))
                found.append(row[name])
        return found

    def aside(self, sources: FactSources | None = None) -> list[tuple[str, str, str]]:
        """Return (stream, id, reason) of what no fact is read from."""
        with self.prepared(sources) as engine:
            rows = engine.frame("SELECT stream, id, reason FROM crm_rejected ORDER BY stream, id, reason")
            return list(rows.itertuples(index=False, name=None))

    def prepared(self, sources: FactSources | None = None) -> TinyEngine:
        """Return an engine with the dated tables; close it."""
        engine = self.engine()
        take_newest(engine, ("hubspot_companies", "hubspot_contacts"))
        leave(
            engine,
            "account_customers",
            pd.DataFrame(self.accounts, columns=list(_CUSTOMERS)),
            _CUSTOMERS,
        )
        prepare_crm(engine, sources or FactSources())
        return engine


def facts_at(engine: TinyEngine, as_of: datetime, config: HealthConfig | None = None) -> pd.DataFrame:
    """Return the three parts side by side at an instant, by account id."""
    set_clock(engine, as_of, Policy(), config or HealthConfig())
    describe_crm(engine)
    frames = [engine.frame(f"SELECT * FROM {table} ORDER BY account_id") for table in TABLES]
    for table, frame in zip(TABLES, frames, strict=True):
        assert list(frame.columns) == list(PART_COLUMNS[table])
    return pd.concat([frames[0], *(frame.drop(columns="account_id") for frame in frames[1:])], axis=1)
