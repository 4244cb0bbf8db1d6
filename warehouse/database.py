"""Opens the operational database: safe settings, migrations under a lock, clear errors."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.exc import ArgumentError, InternalError, NoSuchModuleError, OperationalError, ProgrammingError
from sqlalchemy.pool import ConnectionPoolEntry

from saaskpi.errors import StoreError, UsageError
from warehouse.backup import copy_store
from warehouse.files import FileLock, make_directory
from warehouse.migrations import HEAD

BUSY_TIMEOUT_MS = 30_000
_PG_LOCK = 7_221_513_001  # any number, the same for every process
_PG_DRIVER = "postgresql+psycopg"
_PG_NAMES = ("postgres", "postgresql", _PG_DRIVER)
_PG_NO_RIGHT = "42501"
_CONNECT_SECONDS = 10
_KEPT_CONNECTIONS = 5
_MOST_CONNECTIONS = 40
"""Of one process: 16 threads that answer, the worker, the jobs and the alerts, with room to spare.

PostgreSQL takes 100 from all processes unless it is told otherwise.
"""
_MEND = "Restore it from a backup (*.backup beside it), or move it away and run `saaskpi run` again."


def open_database(where: str | Path) -> sa.Engine:
    """Open a database and bring its schema up to date; safe for several processes at once.

    Args:
        where: path of an SQLite file, or an SQLAlchemy URL.

    Raises:
        StoreError: damaged, of a newer version, not ours, or cannot be written.
        UsageError: the URL is wrong or its driver is not installed.
    """
    url = _url(where)
    if url.get_backend_name() == "sqlite":
        make_directory(Path(url.database or "").parent)
    engine = connect(where)
    try:
        with _migration_lock(engine):
            _migrate(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def connect(where: str | Path) -> sa.Engine:
    """Open a database as it is, whatever its schema; nothing is asked of it yet.

    Raises:
        UsageError: the URL is wrong or its driver is not installed.
    """
    url = _url(where)
    engine = _create(url)
    sa.event.listen(engine, "handle_error", _to_store_error)
    if url.get_backend_name() == "sqlite":
        sa.event.listen(engine, "connect", _prepare_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def check(engine: sa.Engine) -> None:
    """Read an SQLite file from end to end; other databases look after themselves.

    Raises:
        StoreError: it is damaged.
    """
    if engine.dialect.name != "sqlite":
        return
    with engine.connect() as connection:
        answer = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar_one()
    if answer != "ok":
        raise StoreError(f"The store {engine.url.database} is damaged.", hint=_MEND)


def shown(where: str | Path) -> str:
    """Return where a store is, as people may see it: without the password of a URL.

    Raises:
        UsageError: the URL is wrong.
    """
    return _shown(_url(where))


def _shown(url: URL) -> str:
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    # The query may hold a password too (?password=...).
    return url.set(query={}).render_as_string(hide_password=True)


def _url(where: str | Path) -> URL:
    if not isinstance(where, str) or "://" not in where:
        return URL.create("sqlite", database=str(where))
    hint = "Write postgresql://user@host/name, or leave store.url out for a file in the home folder."
    try:
        url = sa.make_url(where)
    except (ArgumentError, ValueError):
        # Without its cause, whose words may quote a part of the URL.
        raise UsageError("The store's URL is not one.", hint=hint) from None
    if url.drivername in _PG_NAMES:
        return url.set(drivername=_PG_DRIVER)
    if url.drivername != "sqlite":
        raise UsageError(f"The store cannot be a {url.drivername} database.", hint=hint)
    if not url.database:
        raise UsageError("The store's URL names no file.", hint=hint)
    return url


def _create(url: URL) -> sa.Engine:
    try:
        # No error quotes what a statement was about: it may be of a person.
        pool = {"pool_size": _KEPT_CONNECTIONS, "max_overflow": _MOST_CONNECTIONS - _KEPT_CONNECTIONS}
        if url.get_backend_name() == "sqlite":
            return sa.create_engine(url, hide_parameters=True, **pool)
        # A server drops connections that idle, and forgets them when it restarts: each is tried before use.
        patience = {} if "connect_timeout" in url.query else {"connect_timeout": _CONNECT_SECONDS}
        return sa.create_engine(url, hide_parameters=True, pool_pre_ping=True, connect_args=patience, **pool)
    except (ImportError, NoSuchModuleError) as error:
        raise UsageError(
            f"The driver for {url.drivername} databases is not installed.",
            hint="Install it: pip install 'saaskpi[postgres]', or use the default SQLite store.",
        ) from error


def _prepare_sqlite(connection: sqlite3.Connection, _record: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # transactions begin where we say, DDL included
    path = connection.execute("PRAGMA database_list").fetchone()[2]
    try:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        connection.execute("PRAGMA journal_mode = WAL")
        # NORMAL lost acknowledged rows in simulated power cuts, FULL none.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
    except sqlite3.Error as error:
        connection.close()
        raise _described(error, path) from error


def _begin_sqlite(connection: sa.Connection) -> None:
    # A write transaction takes its lock at once: one that reads first could not wait for the lock later.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _to_store_error(context: ExceptionContext) -> None:
    error, original = context.sqlalchemy_exception, context.original_exception
    if context.engine is None:
        return
    where = _shown(context.engine.url)
    if isinstance(error, OperationalError | InternalError) or _is_damage(original):
        raise _described(original, where)
    # No right to a table or schema, or (without a code) a connection option that does not exist.
    on_server = isinstance(error, ProgrammingError) and context.engine.dialect.name == "postgresql"
    if on_server and getattr(original, "sqlstate", None) in (None, _PG_NO_RIGHT):
        raise _described(original, where)


def _is_damage(error: BaseException) -> bool:
    return type(error) is sqlite3.DatabaseError


def _described(error: BaseException, where: str) -> StoreError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    if "locked" in reason:
        return StoreError(f"The store {where} is busy.", hint="Another saaskpi is writing; try again.")
    if _is_damage(error):
        return StoreError(f"The store {where} is damaged or not a database ({reason}).", hint=_MEND)
    if "://" in where:
        hint = "Start the server, or mend its rights, the network or store.url; then try again."
        return StoreError(f"The store {where} cannot be used: {reason}.", hint=hint)
    return StoreError(
        f"The store {where} cannot be used: {reason}.",
        hint="Mend the disk or its permissions, or choose another folder with --home.",
    )


@contextmanager
def _migration_lock(engine: sa.Engine) -> Iterator[None]:
    if engine.dialect.name == "sqlite":
        lock = FileLock(Path(f"{engine.url.database}.lock"))
        lock.acquire(wait=True)
        try:
            yield
        finally:
            lock.release()
    else:
        with engine.connect() as connection:
            connection.execute(sa.select(sa.func.pg_advisory_lock(_PG_LOCK)))
            try:
                yield
            finally:
                connection.execute(sa.select(sa.func.pg_advisory_unlock(_PG_LOCK)))


def _migrate(engine: sa.Engine) -> None:
    current = _version(engine)
    if current == HEAD:
        return
    from alembic import command  # slow to import, and an up-to-date store never needs it
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "warehouse:migrations")
    known = {step.revision for step in ScriptDirectory.from_config(config).walk_revisions()}
    if current is not None:
        if current not in known:
            raise StoreError(
                f"The store {_shown(engine.url)} was made by a newer saaskpi (version {current}).",
                hint=f"Upgrade saaskpi, or use {_another(engine)}.",
            )
        _back_up(engine, current)
    with engine.execution_options(writes=True).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _version(engine: sa.Engine) -> str | None:
    """Return the schema's version, None for an empty database.

    Raises:
        StoreError: there are tables, but not ours.
    """
    with engine.connect() as connection:
        tables = sa.inspect(connection).get_table_names()
        if "alembic_version" in tables:
            version: str | None = connection.exec_driver_sql(
                "SELECT version_num FROM alembic_version"
            ).scalar_one_or_none()
            return version
    if tables:
        raise StoreError(
            f"{_shown(engine.url)} is a database, but not a saaskpi store.", hint=f"Use {_another(engine)}."
        )
    return None


def _another(engine: sa.Engine) -> str:
    if engine.dialect.name == "sqlite":
        return "another folder with --home"
    return "an empty database of its own in store.url"


def _back_up(engine: sa.Engine, version: str) -> None:
    """Keep a whole copy of an SQLite store as it was before the migration."""
    if engine.dialect.name != "sqlite":
        return
    check(engine)
    copy_store(engine, Path(f"{engine.url.database}.{version}.backup"))
