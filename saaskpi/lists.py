"""Lists of figures, movements and accounts. Pure: the tables of a run in, rows out.

A figure of ``kpi_month`` that is a sum or a count over accounts can be opened into the accounts that make it
up: for a :class:`Metric`, the values of :meth:`Figures.accounts` add up to :meth:`Figures.figure`, in every
month, currency and segment.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from saaskpi.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

Read = Callable[[str], "pd.DataFrame"]
Row = dict[str, Any]

WHOLE: Final = ""
"""The segment of ``kpi_month`` that everybody is in."""
LATEST: Final = "latest"
"""The newest month that there are figures for."""
KINDS: Final = ("new", "reactivation", "expansion", "contraction", "churn", "fx")
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_SHOWN = 20


@dataclass(frozen=True)
class Metric:
    """A figure that is a sum or a count over accounts.

    Attributes:
        name: what ``--metric`` takes.
        column: of ``account_month``, minor units.
        figure: the column of ``kpi_month`` that it opens.
        counted: the figure is the number of accounts in which ``column`` is above zero, not its sum.
        kind: of the movements that make it up; empty when it is a level.
    """

    name: str
    column: str
    figure: str
    counted: bool = False
    kind: str = ""


METRICS: Final = {
    metric.name: metric
    for metric in (
        Metric("mrr", "mrr", "mrr"),
        Metric("mrr_start", "mrr_start", "mrr_start"),
        Metric("new_mrr", "new_mrr", "new_mrr", kind="new"),
        Metric("expansion_mrr", "expansion_mrr", "expansion_mrr", kind="expansion"),
        Metric("contraction_mrr", "contraction_mrr", "contraction_mrr", kind="contraction"),
        Metric("lost_mrr", "churned_mrr", "churned_mrr", kind="churn"),
        Metric("reactivation_mrr", "reactivation_mrr", "reactivation_mrr", kind="reactivation"),
        Metric("fx_mrr", "fx_mrr", "fx_mrr", kind="fx"),
        Metric("active_customers", "mrr", "active_customers", counted=True),
        Metric("customers_start", "mrr_start", "customers_start", counted=True),
        Metric("new_customers", "new_mrr", "new_customers", counted=True, kind="new"),
        Metric("lost_customers", "churned_mrr", "lost_customers", counted=True, kind="churn"),
        Metric(
            "reactivated_customers",
            "reactivation_mrr",
            "reactivated_customers",
            counted=True,
            kind="reactivation",
        ),
    )
}
_OTHER_NAMES: Final = {"churned_mrr": "lost_mrr", "churned_customers": "lost_customers"}


@dataclass(frozen=True)
class View:
    """Which part of the figures is asked for; None asks for all of it.

    Attributes:
        months: ``2026-10``, from and to (``2026-01..2026-10``, either may be left out), or ``latest``.
        segment: ``key=value``.
        currency: ISO 4217 code, any case.
        native: each currency by itself, even where everything is valued in a reporting currency as well.
    """

    months: str | None = None
    segment: str | None = None
    currency: str | None = None
    native: bool = False


def metric_named(name: str) -> Metric:
    """Return a metric that can be opened into accounts.

    Raises:
        UsageError: there is none of this name.
    """
    try:
        return METRICS[_OTHER_NAMES.get(name, name)]
    except KeyError:
        raise UsageError(
            f"'{name}' cannot be opened into accounts.", hint=f"These can: {', '.join(METRICS)}."
        ) from None


class Figures:
    """The figures of a run, seen through a :class:`View`.

    Args:
        read: returns a table of the run by its name.
        view: what is asked for.

    Raises:
        UsageError: there is no such month, currency or segment; says which there are.
    """

    def __init__(self, read: Read, view: View) -> None:
        self._read = read
        self._view = view
        table = read("kpi_month")
        valued = not view.native and bool((table["valuation"] == "reporting").any())
        self.valuation = "reporting" if valued else "native"
        self._kpis = table[table["valuation"] == self.valuation]
        self.months = _chosen_months(sorted(self._kpis["month"].unique()), view.months)
        self.currency = self._checked_currency()
        self.segment = self._checked_segment()

    def one_month(self) -> str:
        """Return the month that is asked for.

        Raises:
            UsageError: several are.
        """
        if len(self.months) > 1:
            raise UsageError(f"{self._view.months} is several months.", hint="Give one: --month 2026-10")
        return self.months[0]

    def kpis(self, by: str | None = None) -> list[Row]:
        """Return one row per month, currency and, with ``by``, value of that segment; newest month first.

        Args:
            by: key of a segment; None for the whole, or for the view's own segment.

        Raises:
            UsageError: there is no such segment, or the view has one already.
        """
        if by and self.segment:
            raise UsageError("--by and --segment exclude each other.", hint="Give one of them.")
        key, value = (by, None) if by else self.segment or (WHOLE, None)
        self._check_key(key)
        table = self._within(self._kpis)
        table = table[table["segment"] == key]
        if value is not None:
            table = table[table["segment_value"] == value]
        rows = _records(table)
        rows.sort(key=lambda row: (row["currency"], row["segment_value"] or ""))
        return ordered(rows, "month")

    def movements(self, kinds: Sequence[str] = (), search: str | None = None) -> list[Row]:
        """Return the movements with the accounts' names; newest month first, largest amounts first.

        Args:
            kinds: only these; none asks for all.
            search: part of the account's name, or of an id of Stripe or HubSpot.
        """
        table = self._of_members(self._within(self._of_valuation("mrr_movements")))
        if kinds:
            table = table[table["kind"].isin(kinds)]
        rows = self._named(_records(table), search)
        rows.sort(
            key=lambda row: (KINDS.index(row["kind"]), row["currency"], -abs(row["amount"]), _name(row))
        )
        return ordered(rows, "month")

    def accounts(self, metric: Metric, search: str | None = None) -> list[Row]:
        """Return the accounts that make up a figure: largest first, their values add up to it.

        Returns:
            Rows of ``account_month`` with the account's ``name`` and the value of the metric under its name:
            minor units, or 1 for a metric that counts.
        """
        table = self._of_members(self._within(self._of_valuation("account_month")))
        column = table[metric.column]
        rows = self._named(_records(table[column > 0 if metric.counted else column != 0]), search)
        for row in rows:
            row[metric.name] = 1 if metric.counted else row[metric.column]
        rows.sort(key=lambda row: (row["currency"], -abs(row[metric.column]), _name(row)))
        return rows

    def figure(self, metric: Metric) -> dict[str, int]:
        """Return what ``kpi_month`` says of a metric in the view, by currency."""
        sums: dict[str, int] = {}
        for row in self.kpis():
            sums[row["currency"]] = sums.get(row["currency"], 0) + (row[metric.figure] or 0)
        return sums

    @cached_property
    def names(self) -> dict[str, Row]:
        """The accounts of the run by their id."""
        columns = ["account_id", "name", "stripe_customer_ids"]
        return {row["account_id"]: row for row in _records(self._read("accounts")[columns])}

    def _of_valuation(self, name: str) -> pd.DataFrame:
        table = self._read(name)
        return table[table["valuation"] == self.valuation]

    def _within(self, table: pd.DataFrame) -> pd.DataFrame:
        table = table[table["month"].isin(self.months)]
        return table if self.currency is None else table[table["currency"] == self.currency]

    def _of_members(self, table: pd.DataFrame) -> pd.DataFrame:
        if self.segment is None:
            return table
        key, value = self.segment
        members = self._read("account_segments")
        members = members[(members["segment"] == key) & (members["segment_value"] == value)]
        return table[table["account_id"].isin(members["account_id"])]

    def _named(self, rows: Iterable[Row], search: str | None) -> list[Row]:
        named = [{**row, "name": self._name_of(row["account_id"])} for row in rows]
        if search is None:
            return named
        needle = search.casefold()
        return [row for row in named if needle in self._haystack(row)]

    def _name_of(self, account_id: str) -> str | None:
        account = self.names.get(account_id)
        return account["name"] if account else None

    def _haystack(self, row: Row) -> str:
        account = self.names.get(row["account_id"], {})
        known = (row["account_id"], row["name"] or "", *account.get("stripe_customer_ids", ()))
        return " ".join(known).casefold()

    def _checked_currency(self) -> str | None:
        if self._view.currency is None:
            return None
        wanted, known = self._view.currency.lower(), sorted(self._kpis["currency"].unique())
        if wanted in known:
            return wanted
        hint = f"There are figures in {', '.join(known).upper()}."
        if self.valuation == "reporting":
            hint += " With --native, each currency stands by itself."
        raise UsageError(f"There are no figures in {self._view.currency.upper()}.", hint=hint)

    def _checked_segment(self) -> tuple[str, str] | None:
        if self._view.segment is None:
            return None
        key, equals, value = self._view.segment.partition("=")
        if not equals:
            raise UsageError(f"'{self._view.segment}' names no value.", hint=f"Write --segment {key}=VALUE.")
        self._check_key(key)
        values = self._kpis.loc[self._kpis["segment"] == key, "segment_value"].dropna()
        if value not in set(values):
            raise UsageError(
                f"There are no figures for {key}={value}.", hint=f"There are: {_listed(values.unique())}."
            )
        return key, value

    def _check_key(self, key: str) -> None:
        known = self.segments
        if key in (WHOLE, *known):
            return
        hint = (
            f"There are: {_listed(known)}."
            if known
            else "Name some under [segments] in saaskpi.toml, then run: saaskpi enrich"
        )
        raise UsageError(f"There is no segment '{key}'.", hint=hint)

    @cached_property
    def segments(self) -> list[str]:
        """The keys of the segments that there are figures for, without the whole."""
        return sorted(set(self._kpis["segment"]) - {WHOLE})


def ordered(rows: list[Row], column: str) -> list[Row]:
    """Return rows by one of their columns: numbers and months highest first, texts from A to Z, null last.

    Raises:
        UsageError: they have no such column.
    """
    if rows and column not in rows[0]:
        raise UsageError(f"There is no column '{column}'.", hint=f"There are: {', '.join(rows[0])}.")
    present = [row for row in rows if row[column] is not None]
    descending = column == "month" or not any(isinstance(row[column], str) for row in present)
    present.sort(key=lambda row: row[column], reverse=descending)
    return present + [row for row in rows if row[column] is None]


def _chosen_months(known: Sequence[str], asked: str | None) -> list[str]:
    if not known:
        raise UsageError(
            "There are no figures yet: no account has had MRR.", hint="See the accounts: saaskpi accounts"
        )
    if asked is None:
        return list(known)
    if asked == LATEST:
        return [known[-1]]
    first, dots, last = asked.partition("..")
    first, last = first or known[0], last or (known[-1] if dots else first)
    for month in (first, last):
        if not _MONTH.fullmatch(month):
            raise UsageError(f"'{month}' is not a month.", hint="Write 2026-10, 2026-01..2026-10 or latest.")
    chosen = [month for month in known if first <= month <= last]
    if not chosen:
        raise UsageError(
            f"There are no figures for {asked}.", hint=f"There are for {known[0]} to {known[-1]}."
        )
    return chosen


def _listed(values: Iterable[str]) -> str:
    # A value such as "Team, Storage" would look like two.
    names = [f'"{value}"' if "," in value else value for value in sorted(values)]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _name(row: Row) -> tuple[str, str]:
    return (row["name"] or "").casefold(), row["account_id"]


def _records(table: pd.DataFrame) -> list[Row]:
    # Here, because pandas takes its time to import and --help needs none of it.
    from enrichment.frames import records

    return records(table)
