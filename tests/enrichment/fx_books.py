"""Writes a native ledger and exchange rates and values it; has a second way to do so, as an oracle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any

import pandas as pd

from enrichment import tables
from enrichment.computing import set_clock
from enrichment.exchange import FX_RATES
from enrichment.fx import value_ledger
from enrichment.health.config import HealthConfig
from enrichment.money import exponent, round_half_even
from enrichment.policy import Policy
from tests.enrichment.tiny_engine import TinyEngine

NATIVE = {
    name: kind
    for name, kind in tables.MRR_LEDGER.items()
    if not name.startswith("reporting_") and name != "fx_change"
}
MONTHS = [f"{year}-{month:02}" for year in (2025, 2026) for month in range(1, 13)]
Row = dict[str, Any]


@dataclass
class FxBooks:
    """A ledger under construction; amounts in minor units of each item's currency."""

    as_of: datetime = datetime(2027, 1, 1)  # noqa: DTZ001 - the tables hold UTC without zone
    rows: list[Row] = field(default_factory=list)
    rates: list[tuple[str, str, str, str, str]] = field(
        default_factory=lambda: [("eur", "1970-01-01", "1", "9999-12-31", "")]
    )

    def change(self, at: str, item: str, amount: int, currency: str = "usd", **given: Any) -> None:
        """Add a row that changes an item's MRR by ``amount``; 0 is a renewal."""
        held = sum(row["mrr_change"] for row in self.rows if row["subscription_item_id"] == item)
        reason = "renewed" if amount == 0 else "started" if held == 0 else "quantity_changed"
        row: Row = {
            "account_id": f"acc_{item}",
            "customer_id": f"cus_{item}",
            "subscription_id": f"sub_{item}",
            "subscription_item_id": item,
            "price_id": "price_1",
            "product_id": "prod_1",
            "effective_at": pd.Timestamp(at),
            "currency": currency,
            "mrr_change": amount,
            "mrr_after": held + amount,
            "contract_mrr_change": amount,
            "reason": reason,
            "source_object": f"il_{len(self.rows)}",
            "policy_hash": "h",
        }
        self.rows.append(row | given)

    def rate(self, currency: str, *published: tuple[str, str], until: str = "9999-12-31") -> None:
        """Add published rates, units for one euro: (day, rate)."""
        self.rates += [(currency, day, rate, until, "bank") for day, rate in published]

    def valued(self, mode: str = "locked_at_period_start", reporting: str | None = "EUR") -> Valued:
        """Value the ledger and return what came out."""
        with TinyEngine() as engine:
            tables.leave(engine, "native_ledger", pd.DataFrame(self.rows, columns=list(NATIVE)), NATIVE)
            tables.leave(engine, "fx_rates", pd.DataFrame(self.rates, columns=list(FX_RATES)), FX_RATES)
            tables.leave(engine, "months", _months(), tables.MONTHS)
            set_clock(engine, self.as_of.replace(tzinfo=UTC), Policy(), HealthConfig())
            value_ledger(engine, Policy(fx_mode=mode), reporting)
            ledger = engine.frame("SELECT * FROM mrr_ledger ORDER BY ALL")
            assert list(ledger.columns) == list(tables.MRR_LEDGER)
            rejected = engine.frame("SELECT * FROM fx_rejected ORDER BY id")
            conversions = engine.frame(
                "SELECT currency, CAST(rate_day AS VARCHAR) AS rate_day, rate, "
                "CAST(published_on AS VARCHAR) AS published_on, source FROM fx_conversions ORDER BY ALL"
            )
        return Valued(_plain(ledger), list(rejected.itertuples(index=False, name=None)), _plain(conversions))

    def worth(self, amount: int, currency: str, day: str, reporting: str = "eur") -> int:
        """Return an amount in the reporting currency by the rate of a day, worked out anew."""
        if not amount:
            return 0
        rate = self._rate(reporting, day) / self._rate(currency, day)
        return round_half_even(amount * rate * Fraction(10) ** (exponent(reporting) - exponent(currency)))

    def _rate(self, currency: str, day: str) -> Fraction:
        return Fraction(
            max((d, rate) for code, d, rate, *_ in self.rates if code == currency and d <= day)[1]
        )


@dataclass(frozen=True)
class Valued:
    """What :func:`enrichment.fx.value_ledger` left behind."""

    ledger: list[Row]
    rejected: list[tuple[str, str, str]]
    conversions: list[Row]

    def item(self, item: str = "si_1") -> list[tuple[str, str, Any, Any, Any]]:
        """Return (day, reason, reporting_change, fx_change, reporting_after) of an item's rows in time."""
        rows = [row for row in self.ledger if row["subscription_item_id"] == item]
        rows.sort(key=lambda row: row["effective_at"])
        return [
            (
                f"{row['effective_at']:%Y-%m-%d}",
                row["reason"],
                row["reporting_change"],
                row["fx_change"],
                row["reporting_after"],
            )
            for row in rows
        ]

    def total(self, column: str) -> int:
        """Sum a column; nulls count nothing."""
        return sum(row[column] or 0 for row in self.ledger)


def oracle(
    books: FxBooks, rows: Iterable[Mapping[str, Any]], reporting: str = "eur"
) -> list[tuple[int, int, int]]:
    """Return (reporting_change, fx_change, reporting_after) of one item's rows, with fractions."""
    before, old_day, found = 0, "", []
    for row in rows:
        after, day = before + row["mrr_change"], f"{row['effective_at']:%Y-%m-%d}"
        kept = min(before, after)
        fx = 0
        if kept:
            fx = books.worth(kept, row["currency"], day, reporting) - books.worth(
                kept, row["currency"], old_day, reporting
            )
        was = books.worth(before, row["currency"], old_day, reporting)
        now = books.worth(after, row["currency"], day, reporting)
        found.append((now - was - fx, fx, now))
        before, old_day = after, day
    return found


def _months() -> pd.DataFrame:
    starts = [pd.Timestamp(date.fromisoformat(f"{month}-01")) for month in MONTHS]
    ends: Sequence[pd.Timestamp] = [*starts[1:], pd.Timestamp(2027, 1, 1)]
    return pd.DataFrame({"month": MONTHS, "starts_at": starts, "ends_at": ends})


def _plain(frame: pd.DataFrame) -> list[Row]:
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]
