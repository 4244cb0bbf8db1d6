"""Pulls under way: each has a number, and a folder of its own that tells whether it is still alive."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Self

from saaskpi.errors import StoreError
from warehouse.files import FileLock, writing
from warehouse.manifest import locked

INCOMING = ".incoming"
_COUNTER_BITS = 32


def first_seq(number: int) -> int:
    """Return the ``_seq`` below all rows of a pull: above those of every pull that began before."""
    return number << _COUNTER_BITS


class Claim:
    """The number of a pull, a delta or a compaction under way, and its folder; ends with its process.

    Attributes:
        number: above those of all that began before.
        directory: to write in; removed at the end.
    """

    def __init__(self, number: int, directory: Path, lock: FileLock) -> None:
        self.number = number
        self.directory = directory
        self._lock = lock

    @classmethod
    def take(cls, root: Path) -> Self:
        """Take the next number.

        Args:
            root: folder of the landing.

        Raises:
            StoreError: the disk refuses.
        """
        with locked(root) as manifest, writing(root):
            sweep(root)
            number = max([manifest.number, *live(root)]) + 1
            directory = root / INCOMING / str(number)
            directory.mkdir(parents=True)
            lock = FileLock(directory / ".lock")
            lock.acquire(wait=False)
        return cls(number, directory, lock)

    def release(self) -> None:
        """Remove the folder with what is left in it; the number is free for nobody."""
        shutil.rmtree(self.directory, ignore_errors=True)
        self._lock.release()


def live(root: Path) -> list[int]:
    """Return the numbers under way; those of killed processes count until they are swept."""
    return [int(path.name) for path in (root / INCOMING).glob("[0-9]*/")]


def sweep(root: Path) -> None:
    """Remove the folders of killed processes; call it only where no number is taken meanwhile."""
    for path in (root / INCOMING).glob("[0-9]*/"):
        lock = FileLock(path / ".lock")
        try:
            is_left = lock.acquire(wait=False)
        except StoreError:
            if path.exists():
                raise
            continue  # its owner has removed it since it was listed
        if is_left:
            shutil.rmtree(path, ignore_errors=True)
            lock.release()
