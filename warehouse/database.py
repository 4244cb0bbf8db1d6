"""Opens the operational database: safe settings, migrations under a lock, clear errors."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.exc import ArgumentError, InternalError, NoSuchModuleError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from saaskpi.errors import StoreError, UsageError
from warehouse.files import FileLock, make_directory
from warehouse.migrations import HEAD

BUSY_TIMEOUT_MS = 30_000
_PG_LOCK = 7_221_513_001  # any number, the same for every process
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
    sqlite = url.get_backend_name() == "sqlite"
    if sqlite:
        make_directory(Path(url.database or "").parent)
    engine = _create(url)
    sa.event.listen(engine, "handle_error", _to_store_error)
    if sqlite:
        sa.event.listen(engine, "connect", _prepare_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
    try:
        with _migration_lock(engine):
            _migrate(engine)
    except BaseException:
        engine.dispose()
        raise
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


def _url(where: str | Path) -> URL:
    if isinstance(where, str) and "://" in where:
        try:
            return sa.make_url(where)
        except ArgumentError as error:
            raise UsageError(
                "The store's URL is not one.", hint="Write postgresql+psycopg://user@host/name."
            ) from error
    return URL.create("sqlite", database=str(where))


def _create(url: URL) -> sa.Engine:
    try:
        return sa.create_engine(url)
    except (ImportError, NoSuchModuleError) as error:
        raise UsageError(
            f"The driver for {url.drivername} databases is not installed.",
            hint="Install it (for PostgreSQL: pip install psycopg), or use the default SQLite store.",
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
    error = context.sqlalchemy_exception
    unusable = isinstance(error, OperationalError | InternalError) or _is_damage(context.original_exception)
    if unusable and context.engine is not None:
        raise _described(context.original_exception, context.engine.url.render_as_string(hide_password=True))


def _is_damage(error: BaseException) -> bool:
    return type(error) is sqlite3.DatabaseError


def _described(error: BaseException, where: str) -> StoreError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    if "locked" in reason:
        return StoreError(f"The store {where} is busy.", hint="Another saaskpi is writing; try again.")
    if _is_damage(error):
        return StoreError(f"The store {where} is damaged or not a database ({reason}).", hint=_MEND)
    return StoreError(
        f"The store {where} cannot be used: {reason}.",
        hint="Mend the disk, the permissions or the server, or choose another folder with --home.",
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
                f"The store {engine.url.database} was made by a newer saaskpi (version {current}).",
                hint="Upgrade saaskpi, or use another folder with --home.",
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
    if tables and engine.dialect.name == "sqlite":
        raise StoreError(
            f"{engine.url.database} is a database, but not a saaskpi store.",
            hint="Choose another folder with --home.",
        )
    return None


def _back_up(engine: sa.Engine, version: str) -> None:
    """Keep a whole copy of an SQLite store as it was before the migration."""
    if engine.dialect.name != "sqlite":
        return
    check(engine)
    copy = Path(f"{engine.url.database}.{version}.backup")
    copy.unlink(missing_ok=True)
    with engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")  # VACUUM does not run inside a transaction
        connection.exec_driver_sql("VACUUM INTO ?", (str(copy),))
        connection.exec_driver_sql("BEGIN")
