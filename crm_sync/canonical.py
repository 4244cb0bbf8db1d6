"""One way to write down each value, so that equal values compare equal whatever wrote them.

HubSpot takes and stores strings: ``129``, ``129.0`` and ``129.00`` are one number, ``a;b`` and ``b;a`` one
set of ticks, a date may come back as milliseconds. Without this a second run would write unchanged values.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import pandas as pd

_NEVER_MISSING = (str, int, list, tuple, dict, set)


def is_missing(value: Any) -> bool:
    """Tell whether a value is None, NaN, NaT or pandas' NA; a list is not, not even an empty one."""
    if value is None:
        return True
    # Asking pandas takes a microsecond, and most values are plain.
    return not isinstance(value, _NEVER_MISSING) and bool(pd.isna(value))


def canonical(value: Any, kind: str) -> str:
    """Return a value as text in the one form of its HubSpot type; "" for no value.

    What is not a value of the type (a word in a number property) is returned as trimmed text.

    Args:
        value: as HubSpot, the landing or an account row holds it.
        kind: HubSpot's property type: string, number, date, datetime, enumeration, bool.
    """
    if is_missing(value):
        return ""
    text = _joined(value) if isinstance(value, list | tuple | set) else _text(value)
    writer = _WRITERS.get(kind)
    if writer is None or not text:
        return text
    try:
        return writer(text)
    except (ValueError, ArithmeticError, OSError):
        return text


def _joined(values: list[Any] | tuple[Any, ...] | set[Any]) -> str:
    return ";".join(str(value) for value in values)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value).replace("\r\n", "\n").replace("\r", "\n").strip()


def _number(text: str) -> str:
    number = Decimal(text)
    if not number.is_finite():
        raise InvalidOperation
    written = f"{number:f}"
    if "." in written:
        written = written.rstrip("0").rstrip(".")
    return "0" if written in ("-0", "") else written


def _moment(text: str) -> datetime:
    if text.lstrip("-").isdecimal() and len(text) > 8:  # milliseconds since 1970
        return datetime.fromtimestamp(int(text) / 1000, tz=UTC)
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _date(text: str) -> str:
    return _moment(text).date().isoformat()


def _datetime(text: str) -> str:
    moment = _moment(text)
    # HubSpot keeps and documents milliseconds: three decimals, never six.
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    decimals = "milliseconds" if moment.microsecond else "seconds"
    return moment.replace(tzinfo=None).isoformat(timespec=decimals) + "Z"


def _set(text: str) -> str:
    return ";".join(sorted({part.strip() for part in text.split(";")} - {""}))


_WRITERS = {
    "number": _number,
    "date": _date,
    "datetime": _datetime,
    "enumeration": _set,
    "bool": str.lower,
}
