"""The lists that people and programs ask for: the command line and the API show the same rows.

Pure: the tables of a run in, rows out.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from crm_sync.options import NO_FLAGS, OPPORTUNITIES, RISKS, OwnFlags
from enrichment.kpis.catalogue import KPIS, MONTHLY
from enrichment.kpis.kpi import Kpi
from saaskpi.columns import ACCOUNTS, MOVEMENTS, Column, Row, kpi_columns, opened_columns
from saaskpi.errors import UsageError
from saaskpi.lists import LATEST, METRICS, Figures, Metric, Read, View, metric_named, ordered
from saaskpi.portfolio import Filter, portfolio

SORTS: Final = ("mrr", "name", "health_score", "renewal_date")
"""What the accounts of today can be sorted by."""


@dataclass(frozen=True)
class Listing:
    """Rows with the columns that are shown.

    Attributes:
        rows: may hold more than the columns.
        columns: what to show, in order.
        opened: the figure that the accounts make up, and where it comes from; None where they make up none.
        totals: MRR per currency of the accounts of today.
    """

    rows: Sequence[Row]
    columns: Sequence[Column]
    opened: tuple[Figures, Metric] | None = None
    totals: Sequence[dict[str, Any]] = ()


def list_accounts(
    read: Read,
    accounts: Callable[[], Sequence[Row]],
    view: View,
    wanted: Filter,
    metric: str | None = None,
    sort: str | None = None,
    own_flags: OwnFlags = NO_FLAGS,
) -> Listing:
    """Return the accounts of today, or with a month, metric or segment those that make up a figure.

    Args:
        read: returns a table of the run by its name.
        accounts: returns the accounts of today.
        view: the month (``latest`` where a metric or segment comes without), segment and currency.
        wanted: conditions on the account as it is today; the view's currency is one.
        metric: the figure to open, ``mrr`` by default.
        sort: one of :data:`SORTS`; of a figure, any column.
        own_flags: those that the settings declare.

    Raises:
        UsageError: there is no such month, segment, currency, flag, figure or column; says which there are.
    """
    _check_flag("risk", wanted.risk, (*RISKS, *own_flags.get("risk", ())))
    _check_flag("opportunity", wanted.opportunity, (*OPPORTUNITIES, *own_flags.get("opportunity", ())))
    if not (view.months or metric or view.segment or view.native):
        _check_currency(view.currency, accounts)
        rows, totals = portfolio(accounts(), replace(wanted, currency=view.currency), _checked(sort))
        return Listing(rows, ACCOUNTS, totals=totals)
    figures = Figures(read, replace(view, months=view.months or LATEST))
    opened = metric_named(metric or "mrr")
    figures.one_month()
    found = figures.accounts(opened)
    if wanted != Filter():
        only = {row["account_id"] for row in accounts() if wanted.matches(row)}
        found = [row for row in found if row["account_id"] in only]
    found = ordered(found, sort) if sort else found
    return Listing(found, opened_columns(opened), (figures, opened))


def list_movements(
    figures: Figures,
    kinds: Sequence[str] = (),
    metric: str | None = None,
    search: str | None = None,
    sort: str = "month",
) -> Listing:
    """Return what moved the MRR, newest month first.

    Args:
        figures: of the months, segment and currency that are asked for.
        kinds: only these; none asks for all.
        metric: only the movements that make up this figure.
        search: part of the account's name or of an id.
        sort: a column.

    Raises:
        UsageError: there is no such column, or the figure has no movements.
    """
    rows = figures.movements((*kinds, *_kinds_of(metric)), search)
    return Listing(ordered(rows, sort), MOVEMENTS)


def list_kpis(
    figures: Figures, metrics: Sequence[str] = (), by: str | None = None, sort: str = "month"
) -> Listing:
    """Return the key figures of each month, newest first.

    Args:
        figures: of the months, segment and currency that are asked for.
        metrics: only these figures; none asks for all, with the parts that they are made of.
        by: one row for each value of this segment.
        sort: a column.

    Raises:
        UsageError: there is no such segment, figure or column.
    """
    chosen = [kpi_named(name) for name in metrics]
    rows = ordered(figures.kpis(by), sort)
    return Listing(rows, kpi_columns(chosen or MONTHLY, parts=not chosen))


def kpi_named(name: str) -> Kpi:
    """Return a figure of months.

    Raises:
        UsageError: there is none of this name.
    """
    if name in KPIS and KPIS[name] in MONTHLY:
        return KPIS[name]
    raise UsageError(
        f"There is no figure '{name}'.", hint=f"There are: {', '.join(kpi.id for kpi in MONTHLY)}."
    )


def _kinds_of(metric: str | None) -> tuple[str, ...]:
    if metric is None:
        return ()
    kind = metric_named(metric).kind
    if not kind:
        moving = ", ".join(name for name, known in METRICS.items() if known.kind)
        raise UsageError(f"'{metric}' is not made up of movements.", hint=f"These are: {moving}.")
    return (kind,)


def _checked(sort: str | None) -> str:
    if sort in (None, *SORTS):
        return sort or SORTS[0]
    raise UsageError(f"Accounts cannot be sorted by '{sort}'.", hint=f"By: {', '.join(SORTS)}.")


def _check_flag(kind: str, name: str | None, known: Sequence[str]) -> None:
    if name is None or name in known:
        return
    near = difflib.get_close_matches(name[:40].lower(), known, n=1)
    hint = f"Did you mean {near[0]}? " if near else ""
    raise UsageError(f"There is no {kind} flag '{name}'.", hint=f"{hint}There are: {', '.join(known)}.")


def _check_currency(currency: str | None, accounts: Callable[[], Iterable[Row]]) -> None:
    if currency is None:
        return
    known = sorted({one for row in accounts() for one in row["mrr_by_currency"]})
    if currency.lower() not in known:
        there = f"There is MRR in {', '.join(known).upper()}." if known else ""
        raise UsageError(f"No account has an MRR in {currency.upper()}.", hint=there)
