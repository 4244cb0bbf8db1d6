"""Takes a person out of a database: every text of every table, whatever the version of its schema."""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from saaskpi.errors import StoreError
from warehouse.person import Person

_CONTACT_TYPES: Final = ("contacts", "contact", "0-1")
_SQLITE: Final = b"SQLite format 3\x00"
_NOT_SEARCHED: Final = ("alembic_version",)
_AT_ONCE: Final = 2_000
_CHECKPOINT_SECONDS: Final = 20.0

Row = dict[str, Any]


def purge_store(engine: sa.Engine, person: Person, *, write: bool) -> Counter[str]:
    """Take a person out of every row; return how many rows were changed or deleted, by table.

    Events about the contact lose their payload and count as done: there is nothing left to read anew. Rows
    about the contact itself are deleted, in others the person's texts are replaced. What Stripe sent stays.

    Args:
        engine: of the store, or of a backup of it.
        person: whom.
        write: False only counts.

    Raises:
        StoreError: the database cannot be used.
    """
    found: Counter[str] = Counter()
    tables = sa.MetaData()
    tables.reflect(engine)
    for table in tables.sorted_tables:
        if table.name not in _NOT_SEARCHED:
            with engine.connect() as connection:
                hits = list(_hits(connection, table, person))
            found[table.name] = len(hits)
            if write and hits:
                _change(engine, table, hits)
    return +found


def known_from_events(engine: sa.Engine, person: Person) -> Person:
    """Return what waiting or kept events tell of contacts: addresses and names that are no longer theirs."""
    inbox = sa.Table("inbox", sa.MetaData(), autoload_with=engine)
    query = sa.select(inbox.c.payload).where(inbox.c.source == "hubspot", inbox.c.payload.is_not(None))
    found = Person()
    with engine.connect() as connection:
        for (payload,) in connection.execution_options(yield_per=_AT_ONCE).execute(query):
            event = json.loads(_text(payload) or "{}")
            if _is_about(_text(payload), person) and event.get("propertyName"):
                properties = {event["propertyName"]: event.get("propertyValue")}
                found |= Person.from_properties(str(event.get("objectId")), properties)
    return found


def is_database(path: Path) -> bool:
    """Tell whether a file is an SQLite database."""
    with path.open("rb") as file:
        return file.read(len(_SQLITE)) == _SQLITE


def purge_copy(path: Path, person: Person, *, write: bool) -> int:
    """Take a person out of a backup of an SQLite store; return how many rows were changed or deleted.

    Raises:
        StoreError: it is damaged, or being written.
    """
    engine = sa.create_engine(sa.URL.create("sqlite", database=str(path)))
    try:
        rows = sum(purge_store(engine, person, write=write).values())
        if write:
            scrub_file(path)
    except sa.exc.DatabaseError as error:
        raise StoreError(
            f"The backup {path} cannot be searched.", hint="Remove it, then run the same command again."
        ) from error
    finally:
        engine.dispose()
    return rows


def scrub(engine: sa.Engine) -> None:
    """Leave nothing of deleted rows behind: in free pages and the log of SQLite, in dead PostgreSQL rows.

    Raises:
        StoreError: other connections are in the way; try again.
    """
    if engine.dialect.name != "sqlite":
        with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            connection.exec_driver_sql("VACUUM")
        return
    scrub_file(Path(str(engine.url.database)))


def scrub_file(path: Path) -> None:
    """Write an SQLite file anew without its free pages, and empty its write-ahead log.

    Raises:
        StoreError: other connections are in the way; try again.
    """
    ends = time.monotonic() + _CHECKPOINT_SECONDS
    with closing(sqlite3.connect(path, timeout=_CHECKPOINT_SECONDS, isolation_level=None)) as connection:
        try:
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("VACUUM")
            while connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                if time.monotonic() > ends:
                    raise StoreError(f"The store {path} is being read.", hint="Run the same command again.")
                time.sleep(0.05)
        except sqlite3.OperationalError as error:
            raise StoreError(f"The store {path} is busy.", hint="Run the same command again.") from error


def _hits(connection: sa.Connection, table: sa.Table, person: Person) -> Iterator[tuple[Row, Row | None]]:
    """Return keys of rows to change with what they become; None for a row to delete."""
    keys = list(table.primary_key.columns)
    texts = [column for column in table.columns if _is_text(column)]
    chosen = [*(column.label(f"key {column.name}") for column in keys), *map(_as_text, texts)]
    if not keys or not texts:
        return
    rows = connection.execution_options(yield_per=_AT_ONCE).execute(sa.select(*chosen)).mappings()
    for row in rows:
        values = {column.name: _text(row[column.name]) for column in texts}
        change = _changed(table.name, values, person)
        key = {column.name: row[f"key {column.name}"] for column in keys}
        if change is None or (change and key.keys() & change.keys()):
            yield key, None
        elif change:
            if "event_id" in change:
                change["event_id"] = f"erased:{key['id']}"
            yield key, {name: _typed(table.columns[name], value) for name, value in change.items()}


def _changed(table: str, values: dict[str, str | None], person: Person) -> Row | None:
    """Return what changes of a row: nothing, some columns, or None: all of it goes."""
    if values.get("object_type") in _CONTACT_TYPES and values.get("object_id") in person.ids:
        return None
    if table == "inbox" and values["source"] == "stripe":
        return {}
    if table == "inbox" and values["source"] == "hubspot" and _is_about(values["payload"], person):
        # HubSpot's event has no id of its own: ours is made from what it says.
        return {"event_id": "", "payload": None, "status": "done", "error": None}
    searched = {
        name: value for name, value in values.items() if name == "event_id" or not name.endswith("_id")
    }
    return {
        name: person.taken_out(value)
        for name, value in searched.items()
        if value is not None and person.is_in(value)
    }


def _is_about(payload: str | None, person: Person) -> bool:
    """Tell whether an event of HubSpot is about the contact, or about a link of it."""
    try:
        event = json.loads(payload or "{}")
    except ValueError:
        return False
    ends = ("objectId", "fromObjectId", "toObjectId", "primaryObjectId", "newObjectId")
    named = {str(event.get(name)) for name in ends} if isinstance(event, dict) else set()
    merged = event.get("mergedObjectIds") if isinstance(event, dict) else None
    return bool(person.ids & (named | {str(one) for one in merged or ()}))


def _change(engine: sa.Engine, table: sa.Table, hits: list[tuple[Row, Row | None]]) -> None:
    with engine.execution_options(writes=True).begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA secure_delete = ON")
        for key, change in hits:
            where = sa.and_(*(table.columns[name] == value for name, value in key.items()))
            statement = sa.delete(table) if change is None else sa.update(table).values(**change)
            connection.execute(statement.where(where))


def _is_text(column: sa.Column[Any]) -> bool:
    return isinstance(column.type, sa.String | sa.JSON | sa.LargeBinary)


def _as_text(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    return sa.cast(column, sa.Text).label(column.name) if isinstance(column.type, sa.JSON) else column


def _text(value: Any) -> str | None:
    return bytes(value).decode("utf-8", "replace") if isinstance(value, bytes | memoryview) else value


def _typed(column: sa.Column[Any], value: Any) -> Any:
    if value is None or isinstance(column.type, sa.String):
        return value
    return value.encode() if isinstance(column.type, sa.LargeBinary) else json.loads(value)
