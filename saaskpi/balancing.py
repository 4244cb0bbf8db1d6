"""Whether a run's numbers hold together: the ledger against Stripe's objects as they stand, and every total.

The ledger is built from what happened (sales, changes, invoices, cancellations). What Stripe's subscription
items say today is rated by itself, and under the default policy the two ways must meet for every customer;
under others they may differ on purpose. So the run's ledger is computed anew and held against itself, and the
default policy's ledger against the items.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

import pandas as pd

from enrichment.computing import compute_ledger
from enrichment.money import format_money
from enrichment.policy import Policy
from saaskpi.books import unmatched
from saaskpi.errors import NeedsPersonError
from saaskpi.opening import register_streams
from saaskpi.portfolio import totals
from saaskpi.results import records
from warehouse.engine import Engine

if TYPE_CHECKING:
    from saaskpi.pipeline import Pipeline

_SHOWN: Final = 5
_RATED: Final = """
    SELECT s.customer_id, s.currency, SUM(r.mrr) AS mrr_change
    FROM item_rates r
    INNER JOIN stg_subscription_items i ON i.item_id = r.item_id
    INNER JOIN stg_subscriptions s ON s.subscription_id = i.subscription_id
    WHERE s.currency IS NOT NULL
    GROUP BY s.customer_id, s.currency
"""


class NotReconciledError(NeedsPersonError):
    """Two numbers that should be one are not; it has an alert of its own."""

    is_trouble: ClassVar[bool] = False


@dataclass(frozen=True)
class Mismatch:
    """Two numbers that should be one.

    Attributes:
        what: whose they are: a customer's id, or the name of a total.
        currency: of both.
        ours: in minor units, as the ledger has it.
        other: in minor units, as it is found elsewhere.
    """

    what: str
    currency: str
    ours: int
    other: int

    def __str__(self) -> str:
        """Return it as people read it."""
        ours, other = (format_money(amount, self.currency) for amount in (self.ours, self.other))
        return f"{self.what}: {ours} in the ledger, {other} elsewhere"


@dataclass(frozen=True)
class Balance:
    """What was compared and what did not meet.

    Attributes:
        customers: compared one by one, per currency.
        mrr: of the ledger per currency, minor units.
        mismatches: none when all is well.
    """

    customers: int
    mrr: dict[str, int]
    mismatches: tuple[Mismatch, ...]

    @property
    def words(self) -> str:
        """Return the mismatches in one sentence."""
        first = "; ".join(map(str, self.mismatches[:_SHOWN]))
        more = len(self.mismatches) - _SHOWN
        return f"{first}{f'; and {more} more' if more > 0 else ''}."


def balance(pipeline: Pipeline) -> Balance:
    """Compare the current run with what was read, which must not have changed since; writes nothing.

    Args:
        pipeline: over the home, with an enrichment of what was read last.

    Raises:
        StoreError: there is no run yet.
    """
    ours = _summed(pipeline.marts.read("mrr_ledger"))
    anew, rated = _computed(pipeline, pipeline.policy)
    plain = anew
    if pipeline.policy != Policy():
        plain, rated = _computed(pipeline, Policy())
    mrr = _by_currency(ours.rename("mrr").reset_index())
    return Balance(
        len(ours.index.union(rated.index)),
        mrr,
        (
            *_differing(ours, anew, "computed anew"),
            *_differing(plain, rated, "by Stripe's items"),
            *_totals(pipeline, mrr),
        ),
    )


def _differing(ours: pd.Series[int], other: pd.Series[int], how: str) -> Iterator[Mismatch]:
    """Compare MRR customer by customer."""
    both = ours.align(other, fill_value=0)
    rows = pd.DataFrame({"ours": both[0], "other": both[1]}).astype("int64").reset_index()
    for row in records(rows.query("ours != other")):
        yield Mismatch(f"{row['customer_id']} {how}", row["currency"], row["ours"], row["other"])


def _totals(pipeline: Pipeline, mrr: dict[str, int]) -> Iterator[Mismatch]:
    """Compare the ledger's totals with those of every other table that people read."""
    sums = totals(pipeline.accounts())
    elsewhere = {
        "accounts": {row["currency"]: row["mrr"] for row in sums},
        "matched to a company or not": {
            row["currency"]: row["mrr_matched"] + row["mrr_unmatched"] for row in sums
        },
        "subscription items": _by_currency(pipeline.marts.read("subscription_items")),
        "months of accounts": _last_month(pipeline.marts.read("account_month")),
        "key figures": _last_month(pipeline.marts.read("kpi_month").query("segment == ''")),
    }
    for what, other in elsewhere.items():
        for currency in sorted({*mrr, *other}):
            here, there = mrr.get(currency, 0), other.get(currency, 0)
            if here != there:
                yield Mismatch(what, currency, here, there)


def _computed(pipeline: Pipeline, policy: Policy) -> tuple[pd.Series[int], pd.Series[int]]:
    """Return MRR per customer from the landing as of the run's instant: by the ledger, and by the items."""
    limits = pipeline.settings.engine
    with Engine(limits.memory_limit, limits.threads, pipeline.settings.home / "tmp") as engine:
        register_streams(engine, pipeline.landing)
        compute_ledger(engine, unmatched, pipeline.as_of(), policy, pipeline.health)
        return _summed(engine.frame("mrr_ledger")), _summed(engine.frame(_RATED))


def _summed(rows: pd.DataFrame) -> pd.Series[int]:
    """Return MRR per customer and currency, those without any left out."""
    summed = rows[rows["currency"].notna()].groupby(["customer_id", "currency"])["mrr_change"].sum()
    return summed[summed != 0]


def _last_month(rows: pd.DataFrame) -> dict[str, int]:
    own = rows[rows["valuation"] == "native"]
    return _by_currency(own[own["month"] == own["month"].max()])


def _by_currency(rows: pd.DataFrame) -> dict[str, int]:
    summed = rows.groupby("currency")[["mrr"]].sum().reset_index()
    return {str(row["currency"]): int(row["mrr"]) for row in records(summed)}
