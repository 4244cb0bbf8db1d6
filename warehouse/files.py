"""Small file operations that survive a killed process and a power cut."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from saaskpi.errors import StoreError

STORE_FILE: Final = "saaskpi.db"
"""Name of the operational store in a home folder, where it is a file."""
_ASK_AGAIN: Final = 0.02
"""Seconds between two tries to take a lock that another one holds."""


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the disk refuses below ``path`` into one clear error.

    Raises:
        StoreError: no permission, disk full, read-only or not a directory.
    """
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"Cannot write below {path}: {error.strerror or error}.",
            hint="Free disk space or mend its permissions, or choose another folder with --home.",
        ) from error


def make_directory(path: Path) -> Path:
    """Create a directory with its parents and return it.

    Raises:
        StoreError: it cannot be created or written to.
    """
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
        if not os.access(path, os.W_OK | os.X_OK):
            raise PermissionError(0, "no permission")
    return path


def sync_directory(path: Path) -> None:
    """Put a directory's entries on disk, so that a rename inside it outlives a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_file(path: Path) -> None:
    """Put a file's content on disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def replace_file(path: Path, content: bytes) -> None:
    """Replace a file whole: a reader sees the old content or the new one, never a part of it."""
    incoming = path.with_name(path.name + ".incoming")
    with incoming.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    incoming.replace(path)
    sync_directory(path.parent)


class FileLock:
    """A lock between processes; the system frees it when its holder dies, however it dies.

    Args:
        path: the lock file; it is created when missing and left in place.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None

    def acquire(self, *, wait: bool | float) -> bool:
        """Take the lock; False when another holder has it for all the time that is waited.

        Args:
            wait: how many seconds; True waits for ever, False not at all.

        Raises:
            StoreError: the lock file cannot be written.
        """
        with writing(self._path.parent):
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        if not _locked(handle, wait):
            os.close(handle)
            return False
        self._handle = handle
        return True

    def release(self) -> None:
        """Give the lock back; nothing happens when it is not held."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def _locked(handle: int, wait: bool | float) -> bool:
    if wait is True:
        fcntl.flock(handle, fcntl.LOCK_EX)
        return True
    until = time.monotonic() + wait
    # The system tells nobody that a lock became free within a time.
    while not (locked := _locked_now(handle)) and time.monotonic() < until:
        time.sleep(_ASK_AGAIN)
    return locked


def _locked_now(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
