"""From a stream's JSON schema and its records to typed Arrow columns.

Top-level scalars get their own type; whatever may be an object or an array is JSON text (a string in such a
column stays itself, so that an id that is sometimes expanded can be compared). Times are UTC without zone.
Nothing is bent to fit: 1.5 in an integer column or "5" in a number column is a misfit, with its reason.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import msgspec
import pyarrow as pa

RAW = "_raw"
SEQ = "_seq"

_encode = msgspec.json.Encoder(decimal_format="number").encode
_ARROW_ERRORS = (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, UnicodeEncodeError)


class Kind(Enum):
    """What a landing column holds; the value says it in words."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "true or false"
    TIMESTAMP = "date and time"
    DATE = "date"
    JSON = "JSON"


_ARROW: dict[Kind, pa.DataType] = {
    Kind.TEXT: pa.string(),
    Kind.INTEGER: pa.int64(),
    Kind.NUMBER: pa.float64(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.TIMESTAMP: pa.timestamp("us"),
    Kind.DATE: pa.date32(),
    Kind.JSON: pa.string(),
}
_SCALARS = {
    frozenset({"integer"}): Kind.INTEGER,
    frozenset({"number"}): Kind.NUMBER,
    frozenset({"integer", "number"}): Kind.NUMBER,
    frozenset({"boolean"}): Kind.BOOLEAN,
}
_FORMATS = {"date-time": Kind.TIMESTAMP, "date": Kind.DATE}


class MisfitError(Exception):
    """A value is not of its column's kind."""


@dataclass(frozen=True, slots=True)
class Column:
    """One landing column.

    Attributes:
        name: as the API calls the field.
        kind: what it holds.
        key: it is part of the stream's key and may not be null.
    """

    name: str
    kind: Kind
    key: bool = False


def columns_of(schema: Mapping[str, Any], keys: Iterable[str] = ()) -> tuple[Column, ...]:
    """Return the columns of a stream, in the order of its schema.

    Args:
        schema: the stream's JSON schema, as in its SCHEMA message.
        keys: names of the key properties.
    """
    wanted = set(keys)
    properties: Mapping[str, Any] = schema.get("properties", {})
    return tuple(Column(name, _kind(rule), name in wanted) for name, rule in properties.items())


def arrow_schema(columns: Sequence[Column]) -> pa.Schema:
    """Return the Arrow schema of a stream's files: its columns, then ``_raw`` and ``_seq``."""
    fields = [pa.field(column.name, _ARROW[column.kind]) for column in columns]
    return pa.schema([*fields, pa.field(RAW, pa.string()), pa.field(SEQ, pa.int64())])


def to_array(column: Column, values: Sequence[Any]) -> pa.Array[Any]:
    """Return the values of one column, typed.

    Raises:
        MisfitError: at least one of them is not of the column's kind.
    """
    if column.key and None in values:
        raise MisfitError(f"key field '{column.name}' is missing")
    try:
        return _MAKERS[column.kind](values)
    except (*_ARROW_ERRORS, ValueError, TypeError) as error:
        raise MisfitError(f"field '{column.name}' is not {column.kind.value}") from error


def misfit(columns: Sequence[Column], record: Mapping[str, Any]) -> str | None:
    """Return why a record does not fit its columns, None when it does."""
    for column in columns:
        try:
            to_array(column, [record.get(column.name)])
        except MisfitError as error:
            return str(error)
    return None


def to_json(value: object) -> bytes:
    """Return a value as JSON (UTF-8), decimals as numbers.

    Falls back to ASCII escapes for what UTF-8 or 64 bits cannot hold.
    """
    try:
        return _encode(value)
    except (UnicodeEncodeError, OverflowError):
        return json.dumps(value, default=str).encode()


def _kind(rule: Mapping[str, Any]) -> Kind:
    types = frozenset(_gather(rule, "type")) - {"null"}
    if types == {"string"}:
        formats = set(_gather(rule, "format"))
        return _FORMATS.get(formats.pop(), Kind.TEXT) if len(formats) == 1 else Kind.TEXT
    return _SCALARS.get(types, Kind.JSON)


def _gather(rule: Mapping[str, Any], keyword: str) -> list[str]:
    """Return what a schema says for ``type`` or ``format``, over all its alternatives."""
    found = rule.get(keyword, [])
    values = [found] if isinstance(found, str) else list(found)
    for combination in ("anyOf", "oneOf", "allOf"):
        for part in rule.get(combination, ()):
            values += _gather(part, keyword)
    return values


def _only(values: Sequence[Any], *allowed: type) -> bool:
    return set(map(type, values)) <= {*allowed, type(None)}


def _integers(values: Sequence[Any]) -> pa.Array[Any]:
    # Arrow would cut 1.5 down to 1 without a word, and money would be wrong.
    if not _only(values, int):
        values = [_integer(value) for value in values]
    return pa.array(values, pa.int64())


def _integer(value: object) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if isinstance(value, float | Decimal) and value == int(value):
        return int(value)
    raise TypeError


def _numbers(values: Sequence[Any]) -> pa.Array[Any]:
    if not _only(values, int, float, Decimal):
        raise TypeError
    return pa.array([None if value is None else float(value) for value in values], pa.float64())


def _booleans(values: Sequence[Any]) -> pa.Array[Any]:
    return pa.array(values, pa.bool_())


def _texts(values: Sequence[Any]) -> pa.Array[Any]:
    return pa.array(values, pa.string())


def _timestamps(values: Sequence[Any]) -> pa.Array[Any]:
    try:
        return pa.array(values, pa.string()).cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us"))
    except _ARROW_ERRORS:
        return pa.array([_naive_utc(value) for value in values], pa.timestamp("us"))


def _naive_utc(value: str | datetime | None) -> datetime | None:
    """Return a moment without zone in UTC; one that names no zone is taken as UTC."""
    if value is None:
        return None
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def _dates(values: Sequence[Any]) -> pa.Array[Any]:
    try:
        return pa.array(values, pa.string()).cast(pa.date32())
    except _ARROW_ERRORS:
        return pa.array([_date(value) for value in values], pa.date32())


def _date(value: str | date | None) -> date | None:
    if value is None or (isinstance(value, date) and not isinstance(value, datetime)):
        return value
    moment = _naive_utc(value)
    return None if moment is None else moment.date()


def _json(values: Sequence[Any]) -> pa.Array[Any]:
    texts = [value if value is None or type(value) is str else to_json(value) for value in values]
    return pa.array(texts, pa.string())


_MAKERS: dict[Kind, Callable[[Sequence[Any]], pa.Array[Any]]] = {
    Kind.TEXT: _texts,
    Kind.INTEGER: _integers,
    Kind.NUMBER: _numbers,
    Kind.BOOLEAN: _booleans,
    Kind.TIMESTAMP: _timestamps,
    Kind.DATE: _dates,
    Kind.JSON: _json,
}
