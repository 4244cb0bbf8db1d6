"""Usage made up for a test: accounts, what names them, and what they did."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from enrichment.facts.sources import FactSources
from enrichment.facts.usage import describe_usage, prepare_usage
from enrichment.frames import records
from enrichment.tables import leave
from tests.enrichment.tiny_engine import TinyEngine

NOW = datetime.fromisoformat("2026-11-01")
"""Midnight in UTC, without zone as in the engine."""
ALL = FactSources()
_EVENT = {
    "key_kind": "VARCHAR", "account_key": "VARCHAR", "user_id": "VARCHAR", "event": "VARCHAR",
    "quantity": "DOUBLE", "source": "VARCHAR",
}  # fmt: skip
_TABLES = {
    "account_customers": {"customer_id": "VARCHAR", "company_id": "VARCHAR", "account_id": "VARCHAR"},
    "stg_customers": {"customer_id": "VARCHAR", "metadata": "VARCHAR"},
    "stg_companies": {"company_id": "VARCHAR", "domain": "VARCHAR", "properties": "VARCHAR"},
    "latest_hubspot_companies": {"id": "VARCHAR", "archived": "BOOLEAN", "properties": "JSON"},
    "account_basics": {"account_id": "VARCHAR", "plan": "VARCHAR", "mrr": "BIGINT"},
    "account_seats": {"account_id": "VARCHAR", "paid_seats": "BIGINT", "paid_seats_90": "BIGINT"},
    "latest_stripe_meters": {"id": "VARCHAR", "event_name": "VARCHAR"},
}


class UsageBooks:
    """Collects accounts and events; times are days before ``NOW``, 0.5 is twelve hours before it."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.meters: list[dict[str, Any]] = []
        self.tables: dict[str, list[dict[str, Any]]] = {name: [] for name in _TABLES}

    def account(
        self,
        customer: str = "cus_1",
        company: str | None = None,
        *,
        plan: str | None = None,
        seats: int | None = None,
        mrr: int = 1000,
        metadata: Mapping[str, str] | None = None,
    ) -> str:
        name = company or customer
        rows = self.tables
        rows["account_customers"].append({"customer_id": customer, "company_id": company, "account_id": name})
        rows["stg_customers"].append({"customer_id": customer, "metadata": json.dumps(dict(metadata or {}))})
        rows["account_basics"].append({"account_id": name, "plan": plan, "mrr": mrr})
        if seats is not None:
            rows["account_seats"].append({"account_id": name, "paid_seats": seats, "paid_seats_90": None})
        return name

    def company(self, name: str, updated: float = 1, domain: str | None = None, **properties: str) -> None:
        text = json.dumps(properties)
        self.tables["stg_companies"].append({"company_id": name, "domain": domain, "properties": text})
        self.tables["latest_hubspot_companies"].append(
            {"id": name, "archived": False, "properties": text, "updatedAt": ago(updated)}
        )

    def use(
        self,
        days: float,
        key: str = "cus_1",
        *,
        kind: str = "stripe_customer_id",
        user: str | None = None,
        event: str = "login",
        quantity: float = 1,
        known: float | None = None,
    ) -> None:
        known_at = ago(days if known is None else known)
        row = {"key_kind": kind, "account_key": key, "user_id": user, "event": event, "at": ago(days)}
        self.events.append({**row, "quantity": quantity, "known_at": known_at, "source": "usage.csv"})

    def meter(self, day: int, value: float, customer: str = "cus_1", meter: str = "mtr_1") -> None:
        """Add what a meter counted on the UTC day that began so many days before ``NOW``."""
        start = int((ago(day) - datetime.fromisoformat("1970-01-01")).total_seconds())
        row = {"id": f"{meter}{customer}{day}", "meter": meter, "customer": customer, "start_time": start}
        self.meters.append({**row, "end_time": start + 86400, "aggregated_value": value})

    @contextmanager
    def prepared(self, sources: FactSources = ALL, at: datetime = NOW) -> Iterator[TinyEngine]:
        """Give an engine in which usage is prepared while the clock stands at ``at``."""
        with TinyEngine() as engine:
            for name, columns in _TABLES.items():
                rows = pd.DataFrame(self.tables[name], columns=list(columns), dtype=object)
                leave(engine, name, rows, columns)
            updated = [row["updatedAt"] for row in self.tables["latest_hubspot_companies"]]
            companies = engine.frame("latest_hubspot_companies").assign(updatedAt=_times(updated))
            engine.register_frame("companies_frame", companies)
            engine.run("latest_hubspot_companies", "SELECT * FROM companies_frame")
            self._events(engine)
            set_clock(engine, at)
            prepare_usage(engine, sources)
            yield engine

    def facts(
        self, as_of: datetime = NOW, sources: FactSources = ALL, prepared_at: datetime | None = None
    ) -> dict[str, dict[str, Any]]:
        """Return the facts at an instant by account id, null as None."""
        with self.prepared(sources, prepared_at or as_of) as engine:
            return facts_at(engine, as_of)

    def _events(self, engine: TinyEngine) -> None:
        columns = [*_EVENT, "at", "known_at"]
        frame = pd.DataFrame(self.events, columns=columns, dtype=object)
        frame = frame.assign(**{name: _times(frame[name]) for name in ("at", "known_at")})
        engine.register_frame("usage_frame", frame)
        typed = ", ".join(f"CAST({name} AS {kind}) AS {name}" for name, kind in _EVENT.items())
        engine.run("usage_rows", f'SELECT {typed}, "at", known_at FROM usage_frame')
        if self.events:
            engine.register_frame("usage_events", engine.frame("usage_rows"))
        columns = ["id", "meter", "customer", "start_time", "end_time", "aggregated_value"]
        kinds = ("VARCHAR", "VARCHAR", "VARCHAR", "BIGINT", "BIGINT", "DOUBLE")
        meters = pd.DataFrame(self.meters, columns=columns, dtype=object)
        leave(engine, "latest_stripe_meter_event_summaries", meters, dict(zip(columns, kinds, strict=True)))


def ago(days: float) -> datetime:
    """Return the instant so many days before ``NOW``."""
    return NOW - timedelta(days=days)


def set_clock(engine: TinyEngine, as_of: datetime) -> None:
    """Let the models describe ``as_of``."""
    engine.run("run_clock", f"SELECT TIMESTAMP '{as_of.isoformat(sep=' ')}' AS as_of, 28 AS usage_days")


def facts_at(engine: TinyEngine, as_of: datetime) -> dict[str, dict[str, Any]]:
    """Return the facts at an instant from an engine in which usage is prepared."""
    set_clock(engine, as_of)
    describe_usage(engine)
    frame = engine.frame("SELECT * FROM account_usage ORDER BY account_id")
    return {row["account_id"]: row for row in records(frame)}


def _times(values: Any) -> pd.Series[Any]:
    return pd.Series(values, dtype="datetime64[us]")
