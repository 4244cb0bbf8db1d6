"""The tables of the current run as the API reads them: from disk once, then from memory until they change."""

from __future__ import annotations

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from saaskpi.errors import NeedsPersonError, StoreError
from saaskpi.kept_plans import PLANS, KeptPlans
from saaskpi.listings import Listing
from saaskpi.pipeline import Pipeline
from saaskpi.portfolio import Row, has_id
from saaskpi.results import account_rows
from webhook_server.services import Services

if TYPE_CHECKING:
    import pandas as pd

MOST_ROWS: Final = 100_000
"""Rows of lists that are kept in memory for the next page."""


@dataclass
class Reading:
    """One state of one run's tables.

    Attributes:
        run_id: of the run.
        as_of: the instant that its numbers describe.
        tag: changes with the run, with each table of it, with the language and with the program.
        language: of sentences.
    """

    run_id: str
    as_of: datetime
    tag: str
    language: str
    _read: Callable[[str], pd.DataFrame]
    _frames: dict[str, pd.DataFrame] = field(default_factory=dict)
    _listings: OrderedDict[Hashable, Listing] = field(default_factory=OrderedDict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def read(self, table: str) -> pd.DataFrame:
        """Return a table; not to be changed.

        Raises:
            StoreError: it is missing or damaged.
        """
        with self._lock:
            if table not in self._frames:
                self._frames[table] = self._read(table)
            return self._frames[table]

    @cached_property
    def accounts(self) -> list[dict[str, Any]]:
        """The accounts, as ``pipeline.accounts()`` returns them; not to be changed."""
        return account_rows(self.read("accounts"), self.language)

    def account(self, text: str) -> Row | None:
        """Return the account with an account, company or Stripe customer id, None when there is none."""
        needle = text.casefold()
        return next((row for row in self.accounts if has_id(row, needle)), None)

    def listing(self, key: Hashable, make: Callable[[], Listing]) -> Listing:
        """Return a list, from memory when it was asked for lately.

        Args:
            key: everything that it depends on.
            make: makes it.
        """
        with self._lock:
            if key not in self._listings:
                self._listings[key] = make()
            self._listings.move_to_end(key)
            while len(self._listings) > 1 and _rows(self._listings.values()) > MOST_ROWS:
                self._listings.popitem(last=False)
            return self._listings[key]


class Home:
    """What the routes work on.

    Args:
        services: settings, clock and store.
    """

    def __init__(self, services: Services) -> None:
        self.services = services
        self.plans = KeptPlans(services.settings.home / PLANS)
        self._reading: Reading | None = None
        self._lock = threading.Lock()
        self._planning = threading.Lock()

    @cached_property
    def reader(self) -> Pipeline:
        """A pipeline that nothing is run with; its tables, snapshots and policy may be read by any thread."""
        return self.services.pipeline("api")

    def current(self) -> Reading:
        """Return the current run as it is now.

        Raises:
            NeedsPersonError: there is no run yet.
            StoreError: it cannot be read.
        """
        run_id = self.services.store.current_run()
        if run_id is None:
            raise NeedsPersonError("There is no finished run yet.", hint="On the server: saaskpi run")
        tag = self._tag(run_id)
        with self._lock:
            if self._reading is None or self._reading.tag != tag:
                self._reading = self._open(run_id, tag)
            return self._reading

    @contextmanager
    def pipeline(self, patience: float) -> Iterator[Pipeline]:
        """Give a pipeline of one's own; one request at a time has one.

        Args:
            patience: seconds to wait for the others.

        Raises:
            StoreError: the others took longer.
        """
        if not self._planning.acquire(timeout=patience):
            raise StoreError("Another request is making or applying a plan.", hint="Try again in a minute.")
        try:
            with closing(self.services.pipeline("api")) as pipeline:
                yield pipeline
        finally:
            self._planning.release()

    def _open(self, run_id: str, tag: str) -> Reading:
        run = self.services.store.run(run_id) or {}
        marts, language = self.reader.marts, self.services.settings.language
        return Reading(run_id, run["as_of"], tag, language, lambda table: marts.read(table, run_id))

    def _tag(self, run_id: str) -> str:
        """Return a hash of the run, of when each of its files was written, and of what reads them."""
        told = [run_id, self.services.settings.language, version("saaskpi")]
        told += sorted(_states(self.reader.marts.directory(run_id)))
        return hashlib.sha256("\n".join(told).encode()).hexdigest()[:32]


def _rows(listings: Iterable[Listing]) -> int:
    return sum(len(listing.rows) for listing in listings)


def _states(directory: Path) -> Iterator[str]:
    """Say of every file below a directory when it was written: patches and erasures leave the run's id."""
    try:
        for entry in os.scandir(directory):
            if entry.is_dir():
                yield from _states(Path(entry.path))
            else:
                found = entry.stat()
                yield f"{entry.path} {found.st_mtime_ns} {found.st_size}"
    except FileNotFoundError:
        return  # swept away or folded between two looks; the next look sees the rest
