"""Reads somebody else's MRR per customer, and has it held against ours.

Stripe's "MRR per subscriber per month" and "Customer MRR changes" and plain lists are told apart by their
header; docs/reconcile.md lists the names that are taken.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from enrichment.calendar import months
from enrichment.causes import Ours
from enrichment.customer_months import KEY, customer_months
from enrichment.policy import Policy
from enrichment.reconciling import Reconciliation, reconcile
from saaskpi.errors import DataError, UsageError
from saaskpi.imports.csv_file import read_csv
from saaskpi.imports.mrr_columns import CHANGES, Told, columns_of
from saaskpi.imports.records import Converted, KeptAside
from saaskpi.imports.values import decimal_mark, rounded_minor


@dataclass(frozen=True)
class Report:
    """A file as it was read.

    Attributes:
        name: of the file.
        kind: ``wide``, ``long`` or ``changes``.
        told: its amounts.
        kept_aside: rows that could not be used.
        notes: a sentence each.
    """

    name: str
    kind: str
    told: list[Told]
    kept_aside: list[KeptAside] = field(default_factory=list)
    notes: tuple[str, ...] = ()

    @property
    def months(self) -> list[str]:
        """Return the months from the first to the last that the file tells of, without gaps."""
        named = sorted({one.month for one in self.told})
        return [
            f"{month.year:04d}-{month.month:02d}" for month in pd.period_range(named[0], named[-1], freq="M")
        ]


@dataclass(frozen=True)
class Books:
    """Our side, as a run left it.

    Attributes:
        ledger: ``mrr_ledger``.
        differences: ``mrr_differences``.
        customers: ids of all Stripe customers that were read.
        policy: of the run.
        as_of: the instant (UTC, aware) that its numbers describe.
        ledger_under: computes ``mrr_ledger`` again under another policy.
        presets: whole policies to try last, by name.
    """

    ledger: pd.DataFrame
    differences: pd.DataFrame
    customers: Collection[str]
    policy: Policy
    as_of: datetime
    ledger_under: Callable[[Policy], pd.DataFrame]
    presets: Mapping[str, Policy]


@dataclass(frozen=True)
class Reconciled:
    """A report held against our books.

    Attributes:
        result: the comparison.
        months: the months compared, in order.
        notes: what was left out, a sentence each.
    """

    result: Reconciliation
    months: list[str]
    notes: tuple[str, ...]


def read_report(path: Path) -> Report:
    """Read a file.

    Raises:
        UsageError: it cannot be read, is no list of MRR per customer, or holds no amount.
    """
    file = read_csv(path)
    columns = columns_of(file)
    rows = Converted()
    try:
        mark = decimal_mark(value for name in columns.amounts for value in file.column(name))
    except DataError as error:
        raise UsageError(
            f"{file.name}: {error.message}", hint="Give the file as it was downloaded."
        ) from None
    told = [one for group in rows.each(file, lambda row: list(columns.read(row, mark))) for one in group]
    if not told:
        first = f" Line {rows.kept_aside[0].line}: {rows.kept_aside[0].reason}" if rows.kept_aside else ""
        raise UsageError(f"{file.name} holds no amount of any customer.{first}", hint="Download it again.")
    return Report(file.name, columns.kind, told, rows.kept_aside, file.notes)


def hold_against(
    report: Report, books: Books, *, month: str | None = None, currency: str | None = None
) -> Reconciled:
    """Hold a report against our books.

    Args:
        report: theirs.
        books: ours.
        month: only this one (``2026-10``).
        currency: of amounts for which the file tells none.

    Raises:
        UsageError: the report has no month that is over in our books, or no customer of ours; a currency is
            not known; a log does not reach back far enough.
    """
    theirs = their_months(report, books.ledger, currency)
    frame = _months(report.months, books.policy)
    over = frame[frame["ends_at"] <= pd.Timestamp(books.as_of.astimezone(UTC).replace(tzinfo=None))]
    wanted = over[over["month"] == month] if month else over
    if wanted.empty:
        raise UsageError(
            f"{report.name} has no {f'month {month}' if month else 'month'} that was over on "
            f"{books.as_of:%Y-%m-%d}; it has {report.months[0]} to {report.months[-1]}.",
            hint="Run: saaskpi pull, then saaskpi enrich",
        )
    theirs = theirs[theirs["month"].isin(set(wanted["month"]))].reset_index(drop=True)
    known = set(books.customers) | set(books.ledger["customer_id"])
    if not set(theirs["customer_id"]) & known:
        raise UsageError(
            f"None of the {theirs['customer_id'].nunique()} customers of {report.name} is in our data.",
            hint="Is it of another Stripe account, or of test data?",
        )

    def under(policy: Policy) -> pd.DataFrame:
        return customer_months(books.ledger_under(policy), wanted)

    ours = Ours(books.ledger, books.differences, known, wanted, books.policy, under, books.presets)
    later = frame["month"][len(over) :].tolist()
    notes = (f"Left out, as not over on {books.as_of:%Y-%m-%d}: {', '.join(later)}.",) if later else ()
    return Reconciled(reconcile(theirs, ours), list(wanted["month"]), (*report.notes, *notes))


def their_months(report: Report, ledger: pd.DataFrame, currency: str | None = None) -> pd.DataFrame:
    """Return customer_id, month, currency, mrr (minor units) of a report, one row per the first three.

    Args:
        report: theirs.
        ledger: ours, which tells the currency of a customer where the report does not.
        currency: of amounts without one, before ours is asked.

    Raises:
        UsageError: a currency cannot be told, or a log does not reach back to its customers' first change.
    """
    codes = _Currencies(ledger, currency)
    try:
        rows = [
            (one.customer_id, one.month, code, rounded_minor(one.amount, code))
            for one in report.told
            for code in [one.currency or codes.of(one.customer_id)]
        ]
    except DataError as error:
        raise UsageError(f"{report.name}: {error.message}", hint="Mend its column Currency.") from None
    frame = pd.DataFrame(rows, columns=[*KEY, "mrr"])
    summed = frame.groupby(KEY, as_index=False, sort=True).agg({"mrr": "sum"})
    return _run_up(summed, report) if report.kind == CHANGES else summed


def _months(named: Sequence[str], policy: Policy) -> pd.DataFrame:
    first, last = (datetime(int(name[:4]), int(name[5:]), 15, tzinfo=UTC) for name in (named[0], named[-1]))
    return months(first, last, policy.zone)


def _run_up(changes: pd.DataFrame, report: Report) -> pd.DataFrame:
    """Return the MRR of each month's end from the changes of months."""
    by = ["customer_id", "currency"]
    table = changes.pivot_table(index=by, columns="month", values="mrr", aggfunc="sum", fill_value=0)
    standing = table.reindex(columns=report.months, fill_value=0).astype("int64").cumsum(axis=1)
    below = standing[(standing < 0).any(axis=1)]
    if len(below):
        raise UsageError(
            f"{report.name} does not reach back far enough: {below.index[0][0]} falls below zero in it.",
            hint="Download the changes of all time.",
        )
    long = standing.reset_index().melt(id_vars=by, var_name="month", value_name="mrr")
    return long[[*KEY, "mrr"]]


class _Currencies:
    """Tells the currency of amounts that come without one."""

    def __init__(self, ledger: pd.DataFrame, given: str | None) -> None:
        self._given = (given or "").lower()
        pairs = ledger[["customer_id", "currency"]].drop_duplicates()
        self._of: dict[str, str] = dict(
            pairs.drop_duplicates("customer_id", keep=False).itertuples(index=False, name=None)
        )
        self._all = sorted(set(pairs["currency"]))

    def of(self, customer: str) -> str:
        found = self._given or self._of.get(customer) or (self._all[0] if len(self._all) == 1 else "")
        if not found:
            raise UsageError(
                f"The file does not tell the currency of {customer}.", hint="Add it: --currency eur"
            )
        return found
