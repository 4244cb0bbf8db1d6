"""Where exchange rates come from: a file of rows or of a Singer stream, or the European Central Bank.

Rates that a person gives against the euro take the place of the ECB's for the currencies they name; rates
against another currency stand alone. A given rate holds until the next one of its currency, however far away.
A rate of the ECB holds over weekends and holidays; ``saaskpi.ecb`` says what happens when it stops.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import pandas as pd

from enrichment.exchange import FX_RATES
from enrichment.fx import REJECTED_STREAM
from saaskpi import ecb
from saaskpi.json_rows import is_json_rows, read_json_rows
from saaskpi.rate_rows import GivenRates, History, read_file, read_rows

STREAM: Final = "exchange_rates"
"""The stream of a Singer output that rates are read from, with the columns of a file."""
_SINCE_EVER: Final = "1970-01-01"


class Source(NamedTuple):
    """Some currencies' rates.

    Attributes:
        name: as people know it.
        history: by currency and day.
        holds_until: of the rate of a currency and day, unless a newer one follows.
    """

    name: str
    history: History
    holds_until: Callable[[str, date], date]

    def rows(self) -> Iterator[tuple[str, str, str, str, str]]:
        """Yield them as rows of ``FX_RATES``."""
        for code, days in self.history.items():
            for day, rate in days.items():
                yield code, day.isoformat(), rate, self.holds_until(code, day).isoformat(), self.name

    def note(self, as_of: date) -> str | None:
        """Say that the newest rates are used for later days, when they end well before ``as_of``."""
        last = ecb.last_day(self.history)
        if as_of - last <= ecb.LONGEST_GAP:
            return None
        until = max(self.holds_until(code, last) for code, days in self.history.items() if last in days)
        how_long = "" if until == date.max else f" until {until}"
        return f"The newest exchange rates ({self.name}) are of {last}; later days use them{how_long}."


@dataclass(frozen=True)
class ExchangeRates:
    """Rates ready for the models.

    Attributes:
        table: rows of ``enrichment.exchange.FX_RATES``, days as ISO text.
        rejected: ``(stream, id, reason)`` of given rows that were kept aside.
        sources: where the rates come from.
    """

    table: pd.DataFrame
    rejected: tuple[tuple[str, str, str], ...]
    sources: tuple[Source, ...]

    def notes(self, as_of: date) -> list[str]:
        """Say which rates are older than they should be on ``as_of``, a sentence each."""
        return [note for source in self.sources if (note := source.note(as_of))]


def exchange_rates(file: Path | None = None, folder: Path | None = None) -> ExchangeRates:
    """Gather the rates of one run; a file goes before the ECB.

    Args:
        file: CSV with ``date,base,quote,rate``; or JSON lines with these keys, records or the stream
            ``exchange_rates`` of a Singer output.
        folder: where :func:`saaskpi.ecb.refresh` puts the ECB's file.

    Raises:
        UsageError: the file, or every row given, cannot be used.
    """
    if file is None:
        return _gathered(ecb.PIVOT, [_ecb(folder)])
    given = _read_json(file) if is_json_rows(file) else read_file(file)
    own = Source(file.name, given.history, lambda code, day: date.max)
    if given.pivot != ecb.PIVOT:
        return _gathered(given.pivot, [own], given.rejected)
    return _gathered(ecb.PIVOT, [own, _ecb(folder, without=given.history)], given.rejected)


def _read_json(file: Path) -> GivenRates:
    told = read_json_rows(file, STREAM)
    given = read_rows(((f"line {line}", row) for line, row in told.rows.items()), str(file))
    given.rejected += [(f"line {line}", reason) for line, reason in told.rejected]
    return given


def _ecb(folder: Path | None, without: Iterable[str] = ()) -> Source:
    history, name = ecb.history(folder)
    holds_until = partial(ecb.holds_until, end=ecb.last_day(history))
    left = {code: days for code, days in history.items() if code not in without}
    return Source(name, left, holds_until)


def _gathered(
    pivot: str, sources: Iterable[Source], rejected: Iterable[tuple[str, str]] = ()
) -> ExchangeRates:
    used = tuple(source for source in sources if source.history)
    rows = [(pivot, _SINCE_EVER, "1", date.max.isoformat(), "")]
    for source in used:
        rows += source.rows()
    kept_aside = tuple((REJECTED_STREAM, name, reason) for name, reason in rejected)
    return ExchangeRates(pd.DataFrame(rows, columns=list(FX_RATES)), kept_aside, used)
