"""The operational store: runs and their pointer, flag episodes, links, and the ledger of the CRM.

Every method is one transaction. Frames come back with aware UTC times; no row gives an empty frame with all
its columns. The tap's bookmarks are not here: they are committed with the rows they speak of (see
``Landing.state``), so that they can never be ahead of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pandas as pd
import sqlalchemy as sa

from warehouse import tables
from warehouse.database import check, open_database
from warehouse.ledger import CrmLedger
from warehouse.rows import joined, named_parts, rows_of, upsert
from warehouse.task_ledger import TaskLedger

_CURRENT = "current"


class Store(CrmLedger, TaskLedger):
    """One operational database, up to date; a context manager."""

    @classmethod
    def open(cls, where: str | Path) -> Store:
        """Open the store, create it or bring it up to date.

        Args:
            where: path of an SQLite file, or an SQLAlchemy URL such as ``postgresql+psycopg://...``.

        Raises:
            StoreError: damaged, of a newer version, not ours, or cannot be written.
            UsageError: the URL is wrong or its driver is not installed.
        """
        return cls(open_database(where))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    def check(self) -> None:
        """Read the whole store.

        Raises:
            StoreError: it is damaged.
        """
        check(self.engine)

    # Runs

    def begin_run(self, run_id: str, started_at: datetime, as_of: datetime, pull: int) -> None:
        """Record that a run has begun.

        Args:
            run_id: sorts by age, for instance ``20261031T235959Z-1a2b``.
            started_at: now.
            as_of: the instant that its numbers describe.
            pull: number of the landing's pull that it reads.
        """
        row = {"run_id": run_id, "started_at": started_at, "as_of": as_of, "pull": pull}
        with self._writes.begin() as connection:
            connection.execute(tables.runs.insert(), {**row, "status": "running", "counts": {}})

    def finish_run(
        self,
        run_id: str,
        finished_at: datetime,
        counts: Mapping[str, int],
        episodes: pd.DataFrame,
        bands: pd.DataFrame | None = None,
    ) -> None:
        """Make a run the current one and keep its flag episodes and announced bands, in one transaction.

        Args:
            run_id: begun before; its tables must be on disk.
            finished_at: now.
            counts: whatever is worth showing in the run's history.
            episodes: account_id, flag, episode, opened_at, last_seen_at, closed_at, severity; times without
                zone are UTC. Those of earlier runs that are not in it stay as they are.
            bands: account_id, band, score, since of the bands that are announced now.
        """
        pointer = {"name": _CURRENT, "run_id": run_id}
        values = {"status": "done", "finished_at": finished_at, "counts": dict(counts), "error": None}
        with self._writes.begin() as connection:
            connection.execute(sa.update(tables.runs).where(tables.runs.c.run_id == run_id).values(**values))
            _remember(connection, episodes, bands)
            upsert(connection, tables.run_pointer, [pointer], ("name",))

    def remember(self, episodes: pd.DataFrame, bands: pd.DataFrame) -> None:
        """Keep the episodes and announced bands of a few accounts, as :meth:`finish_run` does of all."""
        with self._writes.begin() as connection:
            _remember(connection, episodes, bands)

    def fail_run(self, run_id: str, finished_at: datetime, error: str) -> None:
        """Record that a run ended early; the current run stays."""
        values = {"status": "failed", "finished_at": finished_at, "error": error}
        with self._writes.begin() as connection:
            connection.execute(sa.update(tables.runs).where(tables.runs.c.run_id == run_id).values(**values))

    def current_run(self) -> str | None:
        """Return the id of the run whose tables are current, None before the first."""
        return self._scalar(sa.select(tables.run_pointer.c.run_id))

    def run(self, run_id: str) -> dict[str, Any] | None:
        """Return one run's record, None when there is none."""
        rows = self._all(sa.select(tables.runs).where(tables.runs.c.run_id == run_id))
        return rows[0] if rows else None

    def runs(self, limit: int = 20) -> list[dict[str, Any]]:
        """Return the records of the last runs, newest first."""
        newest = sa.select(tables.runs).order_by(tables.runs.c.started_at.desc(), tables.runs.c.run_id.desc())
        return self._all(newest.limit(limit))

    def flag_episodes(self, accounts: Sequence[str] | None = None) -> pd.DataFrame:
        """Return the flag episodes, open and closed, of some accounts or (None) of all."""
        return self._of_accounts(tables.flag_episodes, accounts)

    def _of_accounts(self, table: sa.Table, accounts: Sequence[str] | None) -> pd.DataFrame:
        found = sa.select(table)
        return joined(
            [
                self._frame(found if part is None else found.where(table.c.account_id.in_(part)))
                for part in named_parts(accounts)
            ]
        )

    # Health

    def overrides(self, accounts: Sequence[str] | None = None) -> pd.DataFrame:
        """Return what people decided: account_id, created_at, band, reason, author, expires_at.

        Of some accounts or (None) of all.
        """
        return self._of_accounts(tables.health_overrides, accounts)

    def set_override(
        self,
        account_id: str,
        band: str,
        *,
        reason: str,
        author: str,
        created_at: datetime,
        expires_at: datetime,
    ) -> None:
        """Keep a person's decision about a band; an account's newest one counts, all stay on record.

        One of the same moment replaces the one before it.
        """
        row: dict[str, Any] = {"account_id": account_id, "band": band, "reason": reason, "author": author}
        row |= {"created_at": created_at, "expires_at": expires_at}
        with self._writes.begin() as connection:
            upsert(connection, tables.health_overrides, [row], ("account_id", "created_at"))

    def end_overrides(self, account_id: str, at: datetime) -> int:
        """Let an account's decisions that still hold expire now; return how many there were."""
        table = tables.health_overrides
        held = (table.c.account_id == account_id) & (table.c.expires_at > at)
        with self._writes.begin() as connection:
            return connection.execute(sa.update(table).where(held).values(expires_at=at)).rowcount

    def band_alerts(self, accounts: Sequence[str] | None = None) -> pd.DataFrame:
        """Return the band that was last announced of some accounts or (None) of all.

        The columns: account_id, band, score, since.
        """
        return self._of_accounts(tables.band_alerts, accounts)

    # Links between Stripe customers and companies

    def links(self) -> pd.DataFrame:
        """Return what people decided: stripe_customer_id, company_id, author, created_at."""
        return self._frame(sa.select(tables.links))

    def set_link(self, customer_id: str, company_id: str, author: str, at: datetime) -> None:
        """Say which company a Stripe customer belongs to; replaces what was said before."""
        row = {
            "stripe_customer_id": customer_id,
            "company_id": company_id,
            "author": author,
            "created_at": at,
        }
        with self._writes.begin() as connection:
            upsert(connection, tables.links, [row], ("stripe_customer_id",))

    def remove_link(self, customer_id: str) -> bool:
        """Forget a link; False when there was none."""
        condition = tables.links.c.stripe_customer_id == customer_id
        with self._writes.begin() as connection:
            return connection.execute(sa.delete(tables.links).where(condition)).rowcount > 0

    # Small things

    def meta(self, key: str) -> str | None:
        """Return a small remembered value, None when there is none."""
        return self._scalar(sa.select(tables.meta.c.value).where(tables.meta.c.key == key))

    def set_meta(self, key: str, value: str) -> None:
        """Remember a small value."""
        with self._writes.begin() as connection:
            upsert(connection, tables.meta, [{"key": key, "value": value}], ("key",))


def _remember(connection: sa.Connection, episodes: pd.DataFrame, bands: pd.DataFrame | None) -> None:
    keys = ("account_id", "flag", "episode")
    upsert(connection, tables.flag_episodes, rows_of(episodes, tables.flag_episodes), keys)
    if bands is not None:
        upsert(connection, tables.band_alerts, rows_of(bands, tables.band_alerts), ("account_id",))
