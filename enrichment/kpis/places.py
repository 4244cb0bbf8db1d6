"""Which part of the business a row speaks of, and what stands beside the ledger there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import pandas as pd

from enrichment.frames import records

WHOLE: Final = ""
"""The segment that everybody is in; a row whose segment is null speaks of it too."""
NATIVE: Final = "native"
PRESENT: Final = ("contract_mrr", "potential_trial_mrr", "scheduled_churn_mrr")
"""What the items say of today, and nothing of the past."""
_MONEY: Final = ("spend", "charge_total", *PRESENT)
_Sums = dict[str, int]


class Place(NamedTuple):
    """A currency, its valuation, and a segment of customers."""

    currency: str
    valuation: str
    segment: str
    segment_value: str


def place_of(row: Mapping[str, Any]) -> Place:
    """Return the place of a row; without valuation it is native, without segment the whole company."""
    segment = _text(row.get("segment"))
    value = WHOLE if segment == WHOLE else _text(row.get("segment_value"))
    return Place(_text(row["currency"]).lower(), _text(row.get("valuation")) or NATIVE, segment, value)


class Sides:
    """Sums by month and place of what is not in the ledger: spend, charges, trials, scheduled churn.

    In a reporting currency, counts are those of all currencies together. Money stands there only when it is
    all in that currency, or when the rows bring their own ``valuation``: a sum that leaves out a currency
    would be wrong without looking so.
    """

    def __init__(self) -> None:
        self._sums: dict[tuple[str, Place], _Sums] = defaultdict(dict)
        self._native: dict[tuple[str, str, str], dict[str, _Sums]] = defaultdict(dict)

    def add(self, frame: pd.DataFrame | None, columns: Mapping[str, str]) -> None:
        """Add the rows of a frame.

        Args:
            frame: has month, currency and the keys of ``columns``; None adds nothing.
            columns: column of the frame to name of the fact.
        """
        for row in records(frame) if frame is not None else ():
            place = place_of(row)
            sums = self._sums[row["month"], place]
            if place.valuation == NATIVE:
                self._native[row["month"], place.segment, place.segment_value][place.currency] = sums
            for column, fact in columns.items():
                sums[fact] = sums.get(fact, 0) + int(row[column])

    def at(self, month: str, place: Place) -> _Sums:
        """Return what is known of a month and place, by name of the fact."""
        known = dict(self._sums.get((month, place), {}))
        if place.valuation == NATIVE:
            return known
        by_currency = self._native.get((month, place.segment, place.segment_value), {})
        return {**_together(by_currency, place.currency), **known}


def _together(by_currency: Mapping[str, _Sums], currency: str) -> _Sums:
    """Add up native sums for a reporting currency, as far as that can be done."""
    total: _Sums = {}
    for fact in _facts(by_currency.values()):
        parts = {code: sums[fact] for code, sums in by_currency.items() if sums.get(fact)}
        if fact not in _MONEY or not set(parts) - {currency}:
            total[fact] = sum(parts.values())
    return total


def _facts(sums: Iterable[_Sums]) -> list[str]:
    return list(dict.fromkeys(fact for known in sums for fact in known))


def _text(value: Any) -> str:
    return "" if value is None or pd.isna(value) else str(value)
