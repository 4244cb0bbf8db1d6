"""What the columns of somebody's table mean: read from a TOML file; never computed, never evaluated.

``[columns]`` says for each documented fact which column holds it: a name, or a table with ``column`` (or
several ``columns``, which are added up), ``scale`` (multiplied), ``per`` (divided by another column),
``values`` (what each text stands for; what is not listed is unknown), ``where`` (only rows whose other column
says this), or ``value`` (the same for all).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, Final

from enrichment.health.columns import COLUMNS
from saaskpi.errors import UsageError
from saaskpi.imports.csv_file import normalised

SNAPSHOTS: Final = "snapshots"
TERMS: Final = "terms"
LIVES: Final = "lives"
KEYS: Final[Mapping[str, str]] = {
    "account_id": "text",
    "as_of": "date",
    "churned": "yes or no",
    "churned_at": "date",
    "churn_kind": "text",
    "started_at": "date",
    "ended_at": "date",
}
"""Columns beside the facts: who, when, and what became of it."""
NOT_GIVEN: Final = frozenset({"health_score", "health_band"})
"""Documented columns that are computed here and so cannot be given."""
_SPEC: Final = frozenset({"column", "columns", "scale", "per", "values", "where", "value"})
_HINT: Final = "See docs/backtest.md for what a mapping may say."


@dataclass(frozen=True, slots=True)
class Spec:
    """Where one fact is found.

    Attributes:
        columns: normalised names; several are added up; none when the fact is the same for all.
        scale: what the number is multiplied by.
        per: the column that it is divided by.
        values: what each text of the column stands for.
        where: other columns and the text that they must have.
        value: what it is for all.
    """

    columns: tuple[str, ...] = ()
    scale: float = 1.0
    per: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    where: Mapping[str, str] = field(default_factory=dict)
    value: Any = None

    @property
    def reads(self) -> tuple[str, ...]:
        """All columns that it needs."""
        return (*self.columns, *((self.per,) if self.per else ()), *self.where)


@dataclass(frozen=True, slots=True)
class EventColumns:
    """Which columns of the events say what.

    Attributes:
        account, at, event, quantity, user: normalised names; only the first two must be there.
        core: events that count as real use; empty means all.
        counts: in a table with a column per event, those of the core events.
        active_users: in such a table, how many users were active in the row's time.
    """

    account: str = "account"
    at: str = "at"
    event: str = "event"
    quantity: str = "quantity"
    user: str = "user"
    core: tuple[str, ...] = ()
    counts: tuple[str, ...] = ()
    active_users: str = ""


@dataclass(frozen=True, slots=True)
class DataMapping:
    """A whole mapping file.

    Attributes:
        rows: ``snapshots`` (what was known of an account at an instant), ``terms`` (paid terms, whose end is
            known when they start) or ``lives`` (from first payment to churn); None to tell by the columns.
        until: when what is known ends (UTC), None to tell by the data.
        columns: fact or key to where it is found.
        events: of the events file.
    """

    rows: str | None = None
    until: datetime | None = None
    columns: Mapping[str, Spec] = field(default_factory=dict)
    events: EventColumns = field(default_factory=EventColumns)


def read_mapping(path: Path) -> DataMapping:
    """Read a mapping file.

    Raises:
        UsageError: it cannot be read, or says something that is not known.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror}.", hint="Give the path of a file."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}.", hint=_HINT) from None
    try:
        return _mapping(content)
    except UsageError as error:
        raise UsageError(f"{path.name}: {error.message}", hint=error.hint) from None


def _mapping(content: Mapping[str, Any]) -> DataMapping:
    sections = {name: _table(name, content[name]) for name in content}
    _check(sections, {"accounts", "columns", "events"}, "section")
    accounts = sections.get("accounts", {})
    _check(accounts, {"rows", "until"}, "setting accounts.")
    rows = accounts.get("rows")
    if rows not in (None, SNAPSHOTS, TERMS, LIVES):
        raise UsageError(f"accounts.rows cannot be {rows!r}.", hint=f"It is {SNAPSHOTS}, {TERMS} or {LIVES}.")
    columns = sections.get("columns", {})
    _check(columns, {*COLUMNS, *KEYS} - NOT_GIVEN, "fact ")
    return DataMapping(
        rows=rows,
        until=_until(accounts.get("until")),
        columns={name: _spec(name, said) for name, said in columns.items()},
        events=_events(sections.get("events", {})),
    )


def _table(name: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise UsageError(f"{name} must be a table.", hint=_HINT)
    return value


def _check(table: Mapping[str, Any], known: set[str] | frozenset[str], what: str) -> None:
    for name in table:
        if name not in known:
            raise UsageError(f"There is no {what}{name}.".replace("section", "section "), hint=_HINT)


def _until(value: object) -> datetime | None:
    if value is None:
        return None
    if not isinstance(value, date):
        raise UsageError(f"accounts.until cannot be {value!r}.", hint="Write a date, as 2026-01-01.")
    moment = value if isinstance(value, datetime) else datetime.combine(value, time())
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _spec(name: str, said: object) -> Spec:
    if isinstance(said, str):
        return Spec(columns=(normalised(said),))
    table = _table(f"columns.{name}", said)
    _check(table, _SPEC, f"setting columns.{name}.")
    if sum(key in table for key in ("column", "columns", "value")) != 1:
        raise UsageError(f"columns.{name} needs one of column, columns and value.", hint=_HINT)
    names = _texts(name, table.get("columns", [table["column"]] if "column" in table else []))
    scale = table.get("scale", 1)
    if isinstance(scale, bool) or not isinstance(scale, int | float) or not 0 < abs(scale) < 1e12:
        raise UsageError(f"columns.{name}.scale cannot be {scale!r}.", hint="Give a number that is not 0.")
    return Spec(
        columns=tuple(map(normalised, names)),
        scale=float(scale),
        per=normalised(*_texts(name, [table.get("per", "")])),
        values={str(key): value for key, value in _table(f"{name}.values", table.get("values", {})).items()},
        where={
            normalised(key): str(value)
            for key, value in _table(f"{name}.where", table.get("where", {})).items()
        },
        value=table.get("value"),
    )


def _events(said: Mapping[str, Any]) -> EventColumns:
    plain = ("account", "at", "event", "quantity", "user", "active_users")
    _check(said, {*plain, "core", "counts"}, "setting events.")
    return EventColumns(
        **{key: normalised(*_texts(f"events.{key}", [said[key]])) for key in plain if key in said},
        core=tuple(_texts("events.core", said.get("core", []))),
        counts=tuple(map(normalised, _texts("events.counts", said.get("counts", [])))),
    )


def _texts(name: str, value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise UsageError(f"{name}: a column's name is a text.", hint=_HINT)
    return value
