"""Real types for HubSpot's property values, which all arrive as text. Pure.

The portal's own definitions decide: a number becomes int or float, a bool a boolean, a date
``YYYY-MM-DD`` and a datetime an ISO 8601 time in UTC; choices and everything else stay text (several
choices as HubSpot writes them, ``a;b``). No value and "" are both null.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from connectors.http import Json

Value = str | int | float | bool | None
Converter = Callable[[str], Value]

_MILLISECONDS = re.compile(r"-?\d{9,14}")
_UTC_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", re.ASCII)


def _number(text: str) -> Value:
    if text.removeprefix("-").isdecimal():
        whole = int(text)
        if -(2**63) <= whole < 2**63:
            return whole
    value = float(text)
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError(f"{text} is no number that JSON has")
    return value


def _boolean(text: str) -> Value:
    if text in ("true", "false"):
        return text == "true"
    raise ValueError(f"{text} is neither true nor false")


def _date(text: str) -> Value:
    if _MILLISECONDS.fullmatch(text):
        return _from_milliseconds(text).date().isoformat()
    return date.fromisoformat(text[:10]).isoformat()


def _datetime(text: str) -> Value:
    if _MILLISECONDS.fullmatch(text):
        return _iso(_from_milliseconds(text))
    moment = datetime.fromisoformat(text)
    if _UTC_TIME.fullmatch(text):
        return text
    return _iso(moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC))


def milliseconds(text: str) -> int:
    """Return a moment as HubSpot writes it in Unix milliseconds."""
    if _MILLISECONDS.fullmatch(text):
        return int(text)
    moment = datetime.fromisoformat(text)
    return int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * 1000)


def _from_milliseconds(text: str) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(text))


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


_CONVERTERS: Mapping[str, Converter] = {
    "number": _number,
    "bool": _boolean,
    "date": _date,
    "datetime": _datetime,
}
_SCHEMAS: Mapping[str, Json] = {
    "number": {"type": ["number", "null"]},
    "bool": {"type": ["boolean", "null"]},
    "date": {"type": ["string", "null"], "format": "date"},
    "datetime": {"type": ["string", "null"], "format": "date-time"},
}
_TEXT: Json = {"type": ["string", "null"]}


def schema_of(definition: Mapping[str, Any]) -> Json:
    """JSON schema of a property from its definition."""
    return _SCHEMAS.get(str(definition.get("type")), _TEXT)


class PropertyReader:
    """Gives the property values of one object type their real types.

    A value that does not fit its definition never stops a record: the property becomes null and the text
    is kept beside it. ``misfits`` counts them by property.

    Args:
        definitions: of the object type, by name.
    """

    def __init__(self, definitions: Mapping[str, Mapping[str, Any]]) -> None:
        self._converters: dict[str, Converter] = {
            name: _CONVERTERS[definition["type"]]
            for name, definition in definitions.items()
            if definition.get("type") in _CONVERTERS
        }
        self.misfits: dict[str, int] = {}

    def read(self, properties: Mapping[str, str | None]) -> tuple[dict[str, Value], dict[str, str]]:
        """Convert the properties of one object.

        Returns:
            The values by name, and the texts that did not fit by name.
        """
        values: dict[str, Value] = dict.fromkeys(properties)
        unfit: dict[str, str] = {}
        for name, text in properties.items():
            if text:
                converter = self._converters.get(name)
                try:
                    values[name] = converter(text) if converter else text
                except (ValueError, OverflowError):
                    unfit[name] = text
                    self.misfits[name] = self.misfits.get(name, 0) + 1
        return values, unfit
