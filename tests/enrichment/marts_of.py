"""A ledger made up for a test, and the marts that are built from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from enrichment import tables
from enrichment.marts import MARTS, build_marts
from enrichment.policy import Policy
from enrichment.tables import leave
from tests.enrichment.tiny_engine import TinyEngine

AS_OF = datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)
SUMS = ("new_mrr", "expansion_mrr", "contraction_mrr", "churned_mrr", "reactivation_mrr", "fx_mrr")
Row = dict[str, Any]


def moment(text: str) -> datetime:
    """Return a UTC date or time written as ISO 8601, without zone."""
    return datetime.fromisoformat(text)


@dataclass
class Ledger:
    """Collects changes of items; ``rates`` (reporting currency per unit) give the reporting side."""

    reporting: str | None = None
    rates: Mapping[str, float] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    lives: list[Row] = field(default_factory=list)
    _after: dict[str, tuple[int, int]] = field(default_factory=dict)

    def change(
        self, account: str, at: str | datetime, mrr: int, item: str | None = None, **more: Any
    ) -> None:
        """Set an item's MRR (minor units) at an instant; items must be told in the order of time.

        ``customer`` defaults to the account's name, ``subscription`` and ``item`` to the customer's, ``rate``
        is of the reporting currency (None: it lacks), ``revalue`` makes the row an fx row.
        """
        customer = more.get("customer", account)
        subscription = more.get("subscription", f"sub_{customer}")
        name = item or f"si_{subscription}"
        currency = more.get("currency", "usd")
        rate = more.get("rate", self.rates.get(currency))
        before, valued = self._after.get(name, (0, 0))
        after = round(mrr * rate) if rate is not None else 0
        drift = round(before * rate) - valued if rate is not None and more.get("drift", False) else 0
        self._after[name] = (mrr, after)
        known = self.reporting is not None and rate is not None
        self.rows.append(
            {
                "account_id": account,
                "customer_id": customer,
                "subscription_id": subscription,
                "subscription_item_id": name,
                "price_id": "price_1",
                "product_id": "prod_1",
                "effective_at": moment(at) if isinstance(at, str) else at,
                "currency": currency,
                "mrr_change": mrr - before,
                "mrr_after": mrr,
                "contract_mrr_change": mrr - before,
                "reason": "change" if mrr != before else "fx",
                "source_object": "il_1",
                "reporting_currency": self.reporting,
                "reporting_change": after - valued - drift if known else None,
                "fx_change": drift if known else None,
                "reporting_after": after if known else None,
                "policy_hash": "0123456789ab",
            }
        )

    def life(
        self, account: str, start: str, until: str | None = None, subscription: str | None = None
    ) -> None:
        """Tell when a subscription made the account a customer."""
        self.lives.append(
            {
                "account_id": account,
                "customer_id": account,
                "subscription_id": subscription or f"sub_{account}",
                "alive_from": moment(start),
                "alive_until": moment(until) if until else None,
            }
        )

    def marts(
        self,
        policy: Policy | None = None,
        as_of: datetime = AS_OF,
        segments: Mapping[str, str] | None = None,
        prepare: Callable[[TinyEngine], None] | None = None,
    ) -> dict[str, pd.DataFrame]:
        """Build the marts and return them by name."""
        with TinyEngine() as engine:
            rows = pd.DataFrame(self.rows, columns=list(tables.MRR_LEDGER))
            lives = pd.DataFrame(self.lives, columns=list(tables.SUBSCRIPTION_LIVES))
            leave(engine, "mrr_ledger", rows, tables.MRR_LEDGER)
            leave(engine, "subscription_lives", lives, tables.SUBSCRIPTION_LIVES)
            if prepare:
                prepare(engine)
            build_marts(engine, policy or Policy(), as_of, segments or {})
            return {name: engine.frame(name) for name in (*MARTS, "account_segments")}


def moves(marts: Mapping[str, pd.DataFrame], valuation: str = "native") -> list[tuple[str, str, str, int]]:
    """Return (month, account, kind, amount) of each movement, in order."""
    rows = marts["mrr_movements"]
    rows = rows[rows["valuation"] == valuation]
    columns = ("month", "account_id", "kind", "amount")
    return sorted(zip(*(rows[name] for name in columns), strict=True))


def whole(marts: Mapping[str, pd.DataFrame], month: str, currency: str = "usd", **more: str) -> Row:
    """Return the row of ``kpi_base`` of one month; ``valuation``, ``segment``, ``segment_value`` choose."""
    wanted = {"month": month, "currency": currency, "valuation": "native", "segment": "", "segment_value": ""}
    rows = marts["kpi_base"]
    for name, value in {**wanted, **more}.items():
        rows = rows[rows[name] == value]
    assert len(rows) == 1
    return {str(name): None if pd.isna(value) else value for name, value in rows.iloc[0].items()}
