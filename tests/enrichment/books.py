"""A small Stripe account and CRM made up for a test, landed as a pull would land it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from enrichment.computing import TABLES, compute, rate_items
from enrichment.health.assessing import Remembered
from enrichment.health.config import HealthConfig
from enrichment.policy import Policy
from tests.enrichment.tiny_engine import TinyEngine

AS_OF = datetime(2026, 10, 31, 23, 59, 59, tzinfo=UTC)
Record = dict[str, Any]


def epoch(text: str) -> int:
    """Return the epoch seconds of a UTC date or time written as ISO 8601."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


class Books:
    """Collects records in the shapes of the APIs; ``compute`` lands them and runs the models."""

    def __init__(self) -> None:
        self.streams: dict[str, list[Record]] = defaultdict(list)

    def add(self, stream: str, **record: Any) -> Record:
        self.streams[stream].append(record)
        return record

    def customer(self, name: str = "cus_1", **more: Any) -> str:
        base = {"id": name, "name": None, "email": f"{name}@example.com", "currency": "eur"}
        self.add("stripe_customers", **{**base, "created": epoch("2024-01-01"), "metadata": {}, **more})
        return name

    def price(self, name: str, unit: str | None = "1000", **more: Any) -> str:
        interval = more.pop("interval", "month")
        count = more.pop("interval_count", 1)
        usage = more.pop("usage_type", "licensed")
        record = {
            "id": name,
            "product": "prod_1",
            "currency": "eur",
            "billing_scheme": "per_unit",
            "unit_amount": int(unit) if unit is not None and unit.isdigit() else None,
            "unit_amount_decimal": unit,
            "tiers_mode": None,
            "tiers": None,
            "recurring": {"interval": interval, "interval_count": count, "usage_type": usage, "meter": None},
            "transform_quantity": None,
            "currency_options": None,
        }
        self.add("stripe_prices", **{**record, **more})
        return name

    def tiered(self, name: str, mode: str, tiers: Sequence[Mapping[str, Any]] | None, **more: Any) -> str:
        return self.price(name, None, billing_scheme="tiered", tiers_mode=mode, tiers=tiers, **more)

    def coupon(self, name: str, duration: str = "forever", **more: Any) -> Record:
        record: Record = {
            "id": name,
            "percent_off": None,
            "amount_off": None,
            "currency": None,
            "duration": duration,
            "applies_to": None,
            "currency_options": None,
        }
        return self.add("stripe_coupons", **{**record, **more})

    def discount(
        self, name: str, coupon: Record, start: str = "2025-01-01", end: str | None = None
    ) -> Record:
        source = {"type": "coupon", "coupon": coupon}
        ends = epoch(end) if end else None
        return self.add("stripe_discounts", id=name, source=source, start=epoch(start), end=ends)

    def subscription(
        self,
        items: Sequence[tuple[str, int | None]],
        name: str = "sub_1",
        customer: str | None = "cus_1",
        **more: Any,
    ) -> str:
        """Add a subscription to ``(price id, quantity)`` items, billed from 1 October on."""
        item_more = more.pop("item", {})
        record: Record = {
            "id": name,
            "customer": customer,
            "status": "active",
            "currency": "eur",
            "start_date": epoch("2024-01-01"),
            "cancel_at": None,
            "cancel_at_period_end": False,
            "ended_at": None,
            "pause_collection": None,
            "discounts": [],
            "default_tax_rates": [],
        }
        self.add("stripe_subscriptions", **{**record, **more})
        for number, (price, quantity) in enumerate(items):
            item: Record = {
                "id": f"si_{name}_{number}",
                "subscription": name,
                "quantity": quantity,
                "price": {"id": price},
                "discounts": [],
                "tax_rates": [],
                "current_period_start": epoch("2026-10-01"),
                "current_period_end": epoch("2026-11-01"),
            }
            self.add("stripe_subscription_items", **{**item, **item_more})
        return name

    def invoice(
        self,
        name: str,
        day: str,
        total: int,
        lines: Iterable[Record] = (),
        customer: str | None = "cus_1",
        **more: Any,
    ) -> str:
        """Add an invoice, paid on its day unless told otherwise."""
        moment = epoch(day)
        record = {
            "id": name,
            "customer": customer,
            "status": "paid",
            "currency": "eur",
            "created": moment,
            "due_date": None,
            "attempt_count": 1,
            "attempted": True,
            "amount_due": total,
            "amount_paid": total,
            "amount_remaining": 0,
            "total": total,
            "parent": None,
            "status_transitions": {"finalized_at": moment, "paid_at": moment},
        }
        self.add("stripe_invoices", **{**record, **more})
        for number, line in enumerate(lines):
            self.add("stripe_invoice_lines", id=f"il_{name}_{number}", invoice=name, **line)
        return name

    def company(self, company_id: str = "1001", **properties: Any) -> str:
        self.add("hubspot_companies", id=company_id, archived=False, properties=properties)
        return company_id

    def engine(self) -> TinyEngine:
        """Return an engine with one table per stream, as the landing writes them."""
        engine = TinyEngine()
        for sequence, stream in enumerate(self.streams):
            engine.register_frame(stream, landed(self.streams[stream], sequence))
        return engine

    def compute(
        self,
        policy: Policy | None = None,
        config: HealthConfig | None = None,
        companies: Mapping[str, str] | None = None,
        as_of: datetime = AS_OF,
        episodes: pd.DataFrame | None = None,
    ) -> dict[str, pd.DataFrame]:
        """Run everything; ``companies`` maps customer ids to company ids."""
        with self.engine() as engine:
            compute(
                engine,
                matcher(companies or {}),
                as_of,
                policy or Policy(),
                config or HealthConfig(),
                Remembered() if episodes is None else Remembered(episodes=episodes),
            )
            return {table: engine.frame(table) for table in TABLES}

    def rates(self, policy: Policy | None = None) -> pd.DataFrame:
        """Run only the rating and return the items with their MRR, by id."""
        with self.engine() as engine:
            rate_items(engine, AS_OF, policy or Policy(), HealthConfig())
            return engine.frame(
                "SELECT r.*, e.explanation FROM item_rates r "
                "INNER JOIN item_explanations e ON e.explanation_no = r.explanation_no ORDER BY item_id"
            )

    def rejected(self, policy: Policy | None = None) -> list[tuple[str, str, str]]:
        """Run only the rating and return (stream, id, reason) of the rows kept aside."""
        return self.rated(policy)[1]

    def rated(self, policy: Policy | None = None) -> tuple[pd.DataFrame, list[tuple[str, str, str]]]:
        """Run only the rating; return the items with their MRR and customer, and the rows kept aside."""
        with self.engine() as engine:
            rate_items(engine, AS_OF, policy or Policy(), HealthConfig())
            items = engine.frame(
                "SELECT r.*, i.customer_id, i.currency FROM item_rates r "
                "INNER JOIN item_inputs i ON i.item_id = r.item_id ORDER BY r.item_id"
            )
            rows = engine.frame("SELECT * FROM rejected_rows ORDER BY stream, id")
            return items, list(rows.itertuples(index=False, name=None))

    def item(self, policy: Policy | None = None) -> pd.Series[Any]:
        """Run only the rating and return the only item."""
        items = self.rates(policy)
        assert len(items) == 1
        return items.iloc[0]

    def mrr(self, policy: Policy | None = None) -> int:
        """Run only the rating and return the sum of the items' MRR."""
        return int(self.rates(policy)["mrr"].sum())


def matcher(owned: Mapping[str, str]) -> Callable[..., pd.DataFrame]:
    """Stand in for the matching: customers in ``owned`` belong to those companies, others to none."""

    def match(*, customers: pd.DataFrame, companies: pd.DataFrame, contacts: pd.DataFrame) -> pd.DataFrame:
        found = [owned.get(customer) for customer in customers["customer_id"]]
        return pd.DataFrame(
            {
                "customer_id": customers["customer_id"],
                "company_id": found,
                "rule": [None if company is None else "link" for company in found],
                "candidates": [[] if company is None else [company] for company in found],
            }
        )

    return match


def landed(records: Sequence[Record], sequence: int = 0) -> pd.DataFrame:
    """Return records as the landing's table: objects and arrays as JSON text, with ``_seq``.

    The landing's ``_raw``, the whole record once more, is left out: no model reads it.
    """
    rows = [
        {key: json.dumps(value) if isinstance(value, dict | list) else value for key, value in record.items()}
        | {"_seq": sequence * 1_000_000 + number}
        for number, record in enumerate(records)
    ]
    return pd.DataFrame(rows, dtype=object)
