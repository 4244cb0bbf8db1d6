"""The columns that flags and users' rules may read, and one way to read them: hostile values are unknown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from math import isnan
from typing import Any, Final, Literal, TypeGuard

import numpy as np
import numpy.typing as npt
import pandas as pd

from enrichment.facts.catalogue import PARTS

Kind = Literal["number", "money", "text", "yes or no", "date"]
Numbers = npt.NDArray[np.float64]
Days = npt.NDArray[np.datetime64]
Texts = npt.NDArray[np.object_]
Mask = npt.NDArray[np.bool_]

NUMBER: Final = "number"
MONEY: Final = "money"
TEXT: Final = "text"
YES_NO: Final = "yes or no"
DATE: Final = "date"
MOST_NUMBER: Final = 10**15
"""Numbers from here on are unknown: below it every whole number is exact as a float, and none is real."""


@dataclass(frozen=True, slots=True)
class Column:
    """One documented column.

    Attributes:
        kind: what it holds; money is whole minor units, a date is a day in UTC.
        meaning: in words, for the documentation.
        currency: of money, the column with its ISO 4217 code.
        choices: of text, all that it can say; empty where it can say anything.
        whole: whether a number is always a whole one.
        signed: whether a number below zero means anything; elsewhere it is unknown.
    """

    kind: Kind
    meaning: str
    currency: str = ""
    choices: tuple[str, ...] = ()
    whole: bool = True
    signed: bool = False

    @property
    def is_numeric(self) -> bool:
        """Whether it can be counted with."""
        return self.kind in (NUMBER, MONEY)


def _money(meaning: str, currency: str = "currency") -> Column:
    return Column(MONEY, meaning, currency)


_STATUSES: Final = (
    "active",
    "past_due",
    "unpaid",
    "paused",
    "trialing",
    "incomplete",
    "churned",
    "never_paid",
)
_BASICS: Final[Mapping[str, Column]] = {
    "account_id": Column(TEXT, "the account's id"),
    "name": Column(TEXT, "name of the company, else of the customer"),
    "company_id": Column(TEXT, "HubSpot id of the company"),
    "owner_id": Column(TEXT, "HubSpot id of the company's owner"),
    "owner_name": Column(TEXT, "the owner's name"),
    "status": Column(TEXT, "state of the subscriptions", choices=_STATUSES),
    "plan": Column(TEXT, "products paid for, the dearest first"),
    "currency": Column(TEXT, "ISO 4217 code of the account's amounts"),
    "mrr": _money("MRR now"),
    "contract_mrr": _money("MRR as contracted"),
    "scheduled_churn_mrr": _money("MRR of what is set to end"),
    "committed_mrr": _money("MRR without what is set to end"),
    "potential_trial_mrr": _money("MRR that trials would bring"),
    "mrr_90": _money("MRR 90 days ago"),
    "mrr_180": _money("MRR 180 days ago"),
    "mrr_365": _money("MRR 365 days ago"),
    "term_days": Column(NUMBER, "length of the longest term: a month is 30, a year 360"),
    "renewal_date": Column(DATE, "day on which that term ends"),
    "days_to_renewal": Column(NUMBER, "days until then", signed=True),
    "counted_items": Column(NUMBER, "subscription items that count"),
    "ending_items": Column(NUMBER, "those of them that are set to end"),
    "first_end": Column(DATE, "day on which the first of them ends"),
    "last_end": Column(DATE, "day on which the last of them ends"),
    "described_on": Column(DATE, "day that all columns describe"),
    "customer_since": Column(DATE, "day of the first payment, else of the first subscription"),
    "days_as_customer": Column(NUMBER, "days since then"),
    "first_paid": Column(DATE, "day of the first payment"),
    "days_since_paid": Column(NUMBER, "days since then"),
    "invoices_ever": Column(NUMBER, "invoices issued so far"),
    "invoices": Column(NUMBER, "invoices of the last 180 days"),
    "bad_invoices": Column(NUMBER, "those of them that failed or were late"),
    "open_invoice_id": Column(TEXT, "Stripe id of the oldest unpaid invoice"),
    "open_currency": Column(TEXT, "its ISO 4217 code"),
    "open_invoices": Column(NUMBER, "unpaid invoices in that currency"),
    "open_total": _money("what is unpaid of them", "open_currency"),
    "most_attempts": Column(NUMBER, "most attempts to collect one of the unpaid invoices"),
    "days_past_due": Column(NUMBER, "days that the oldest is past due"),
    "health_score": Column(NUMBER, "health score, 0 to 100"),
    "health_band": Column(TEXT, "the score in a word", choices=("green", "yellow", "red", "new", "no data")),
}
_KINDS: Final[Mapping[str, Column]] = {
    "VARCHAR": Column(TEXT, ""),
    "BIGINT": Column(NUMBER, ""),
    "DOUBLE PRECISION": Column(NUMBER, "", whole=False),
    "BOOLEAN": Column(YES_NO, ""),
    "DATE": Column(DATE, ""),
}
_SPECIAL: Final[Mapping[str, Mapping[str, Any]]] = {
    "expansion_amount": {"kind": MONEY, "currency": "expansion_currency"},
    "last_touch_kind": {"choices": ("meeting", "call", "email")},
    "key_contact_state": {"choices": ("present", "left", "bounced")},
    "limit_kind": {"choices": ("events", "seats")},
}


def _documented() -> Iterator[tuple[str, Column]]:
    yield from _BASICS.items()
    for part in PARTS.values():
        for name, fact in part.items():
            plain = replace(_KINDS[fact.sql_type], meaning=fact.meaning)
            yield name, replace(plain, **_SPECIAL.get(name, {}))


COLUMNS: Final[Mapping[str, Column]] = dict(_documented())
"""Every documented column by name, in the order of the documentation."""


class Columns:
    """The documented columns of a frame, one row per account; what is missing or impossible is unknown.

    Unknown are: null, NaN, infinite, ``MOST_NUMBER`` and above, below zero where that means nothing, a date
    that is none, an empty text, and every column that the frame does not have.

    Args:
        frame: rows of ``account_facts`` with ``health_score`` and ``health_band`` beside them.

    Attributes:
        read: the columns that were asked for in plain Python so far.
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame.reset_index(drop=True)
        self._numbers: dict[str, Numbers] = {}
        self._texts: dict[str, Texts] = {}
        self._days: dict[str, Days] = {}
        self.read: dict[str, list[Any]] = {}

    def __len__(self) -> int:
        return len(self._frame)

    def numbers(self, name: str) -> Numbers:
        """Return a column of numbers, money (minor units) or yes (1) and no (0); NaN is unknown."""
        if name not in self._numbers:
            self._numbers[name] = self._read_numbers(name)
        return self._numbers[name]

    def texts(self, name: str) -> Texts:
        """Return a column of texts; None is unknown."""
        if name not in self._texts:
            values = self._objects(name)
            told = [one if isinstance(one, str) and one else None for one in values]
            self._texts[name] = np.array(told, dtype=object)
        return self._texts[name]

    def days(self, name: str) -> Days:
        """Return a column of days (``datetime64[D]``); NaT is unknown."""
        if name not in self._days:
            self._days[name] = self._read_days(name)
        return self._days[name]

    def known(self, name: str) -> Mask:
        """Return where a column is known."""
        kind = COLUMNS[name].kind
        if kind == TEXT:
            return np.array([one is not None for one in self.texts(name)], dtype=np.bool_)
        return ~np.isnat(self.days(name)) if kind == DATE else ~np.isnan(self.numbers(name))

    def says(self, name: str, *texts: str) -> Mask:
        """Return where a column of texts is one of ``texts``."""
        return np.array([one in texts for one in self.texts(name)], dtype=np.bool_)

    def plain(self, name: str) -> list[Any]:
        """Return a column as plain Python values: int, float, str, bool, date; None is unknown."""
        if name not in self.read:
            self.read[name] = self._as_python(name)
        return self.read[name]

    def row(self, place: int) -> Row:
        """Return one account."""
        return Row(self, place)

    def _objects(self, name: str) -> list[Any]:
        return self._frame[name].astype(object).tolist() if name in self._frame else [None] * len(self)

    def _read_numbers(self, name: str) -> Numbers:
        if name not in self._frame:
            return np.full(len(self), np.nan)
        found = pd.to_numeric(self._frame[name], errors="coerce")
        values = found.to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
        least = -MOST_NUMBER if COLUMNS[name].signed else 0
        values[~((values >= least) & (values < MOST_NUMBER))] = np.nan
        return values

    def _read_days(self, name: str) -> Days:
        if name in self._frame and self._frame[name].dtype.kind == "M":
            return self._frame[name].to_numpy(dtype="datetime64[D]")
        told = [one.isoformat()[:10] if _is_day(one) else "NaT" for one in self._objects(name)]
        return np.array(told, dtype="datetime64[D]")

    def _as_python(self, name: str) -> list[Any]:
        column = COLUMNS[name]
        if column.kind == TEXT:
            return list(self.texts(name))
        if column.kind == DATE:
            return list(self.days(name).tolist())
        as_is = bool if column.kind == YES_NO else int if column.whole else float
        return [None if isnan(value) else as_is(value) for value in self.numbers(name).tolist()]


def _is_day(value: object) -> TypeGuard[date]:
    return isinstance(value, date) and not pd.isna(value)


class Row(Mapping[str, Any]):
    """One account: its documented columns as plain Python values, None where unknown."""

    __slots__ = ("_columns", "_place", "_plain")

    def __init__(self, columns: Columns, place: int) -> None:
        self._columns = columns
        self._plain = columns.read
        self._place = place

    def __getitem__(self, name: str) -> Any:
        # Flags of a large book read a million values here: most are of columns that were read before.
        column = self._plain.get(name)
        return (self._columns.plain(name) if column is None else column)[self._place]

    def __iter__(self) -> Iterator[str]:
        return iter(COLUMNS)

    def __len__(self) -> int:
        return len(COLUMNS)
