"""One process at a time writes in a home."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from saaskpi.errors import StoreError
from warehouse.files import FileLock, make_directory


class HomeLock:
    """Keeps everybody else out of a home while one writes; for one thread.

    Args:
        home: the folder; made when it is first locked.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._is_held = False

    @contextmanager
    def held(self, wait: float = 0) -> Iterator[None]:
        """Hold it, freed however the process ends; within itself this does nothing more.

        Args:
            wait: how many seconds to wait until the others are done.

        Raises:
            StoreError: another one is still at work.
        """
        if self._is_held:
            yield
            return
        lock = FileLock(make_directory(self._home) / ".lock")
        if not lock.acquire(wait=wait):
            raise StoreError(
                f"Another saaskpi is at work in {self._home}.", hint="Wait until it ends, then try again."
            )
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False
            lock.release()
