"""Power cuts: records what SQLite asks of the operating system, and rebuilds the disk as a cut leaves it.

The default VFS of the SQLite that Python uses is watched at the point where it opens files: every write,
truncation and sync goes into a trace, in the order in which SQLite calls them. What a cut leaves is what was
synced, and of what was written later any part or nothing: the system may have written some of it by itself.
"""

from __future__ import annotations

import ctypes
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

_P, _I, _L = ctypes.c_void_p, ctypes.c_int, ctypes.c_longlong
# The name stays a pointer: SQLite keeps it, and what it points to must be SQLite's own.
_OPEN = ctypes.CFUNCTYPE(_I, _P, _P, _P, _I, ctypes.POINTER(_I))
_WRITE = ctypes.CFUNCTYPE(_I, _P, _P, _I, _L)
_TRUNCATE = ctypes.CFUNCTYPE(_I, _P, _L)
_SYNC = ctypes.CFUNCTYPE(_I, _P, _I)
_SECTOR = 512


class _Vfs(ctypes.Structure):
    _fields_ = (
        ("version", _I),
        ("file_size", _I),
        ("longest_path", _I),
        ("next", _P),
        ("name", ctypes.c_char_p),
        ("data", _P),
        ("open", _P),
    )


class _Methods(ctypes.Structure):
    """``sqlite3_io_methods`` in its third version."""

    _fields_ = (
        ("version", _I),
        ("close", _P),
        ("read", _P),
        ("write", _P),
        ("truncate", _P),
        ("sync", _P),
        ("others", _P * 13),
    )


@cache
def _default_vfs() -> _Vfs:
    import _sqlite3

    library = ctypes.CDLL(_sqlite3.__file__)
    library.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
    found: Any = library.sqlite3_vfs_find(None)
    return found.contents  # type: ignore[no-any-return]


@dataclass
class Trace:
    """What happened, in order: ``(what, file name, place, data)``; what is write, truncate, sync or note."""

    steps: list[tuple[str, str, int, bytes]] = field(default_factory=list)

    def note(self, word: str) -> None:
        """Put a word of the test's own in."""
        self.steps.append(("note", word, 0, b""))

    def notes_before(self, cut: int) -> set[str]:
        """Return the words noted before a cut."""
        return {name for what, name, _, _ in self.steps[:cut] if what == "note"}


@contextmanager
def recorded() -> Iterator[Trace]:
    """Record every file of databases that are opened inside."""
    trace, vfs = Trace(), _default_vfs()
    original = vfs.open
    really_open = _OPEN(original)
    kept: list[Any] = []  # SQLite holds bare pointers to these

    def opened(this: int, name: int | None, file: int, flags: int, out: Any) -> int:
        result = int(really_open(this, name, file, flags, out))
        if result == 0 and name:
            kept.append(_watch(file, Path(ctypes.string_at(name).decode()).name, trace))
        return result

    callback = _OPEN(opened)
    vfs.open = ctypes.cast(callback, _P).value
    try:
        yield trace
    finally:
        vfs.open = original


def _watch(file: int, name: str, trace: Trace) -> Any:
    place = ctypes.cast(file, ctypes.POINTER(ctypes.POINTER(_Methods)))
    methods = _Methods.from_buffer_copy(place.contents.contents)
    write, truncate, sync = _WRITE(methods.write), _TRUNCATE(methods.truncate), _SYNC(methods.sync)

    def on_write(this: int, data: int, size: int, at: int) -> int:
        trace.steps.append(("write", name, at, ctypes.string_at(data, size)))
        return int(write(this, data, size, at))

    def on_truncate(this: int, size: int) -> int:
        trace.steps.append(("truncate", name, size, b""))
        return int(truncate(this, size))

    def on_sync(this: int, flags: int) -> int:
        result = int(sync(this, flags))
        trace.steps.append(("sync", name, 0, b""))
        return result

    callbacks = _WRITE(on_write), _TRUNCATE(on_truncate), _SYNC(on_sync)
    for slot, callback in zip(("write", "truncate", "sync"), callbacks, strict=True):
        setattr(methods, slot, ctypes.cast(callback, _P).value)
    place[0] = ctypes.pointer(methods)
    return methods, callbacks, write, truncate, sync


class Disk:
    """The files as they are after more and more of a trace."""

    def __init__(self, trace: Trace) -> None:
        self._steps = trace.steps
        self._at = 0
        self._safe: dict[str, bytearray] = {}
        self._unsafe: dict[str, list[tuple[str, int, bytes]]] = {}

    def run_to(self, cut: int) -> None:
        """Let the trace happen up to a step; only forward."""
        for what, name, place, data in self._steps[self._at : cut]:
            if what == "sync":
                for step in self._unsafe.pop(name, []):
                    _do(self._safe.setdefault(name, bytearray()), step)
            elif what != "note":
                self._unsafe.setdefault(name, []).append((what, place, data))
        self._at = cut

    def after_a_cut(self, folder: Path, rng: random.Random) -> None:
        """Write the files as a power cut leaves them at this step."""
        share = rng.choice((0.0, 0.0, 0.5, 0.9, 1.0))
        for name in {*self._safe, *self._unsafe}:
            content = bytearray(self._safe.get(name, b""))
            for what, place, data in self._unsafe.get(name, []):
                if rng.random() < share:
                    _do(content, (what, place, _torn(data, rng)))
            (folder / name).write_bytes(content)


def _torn(data: bytes, rng: random.Random) -> bytes:
    """Return a write whole, or sometimes only its first sectors."""
    return data if rng.random() < 0.8 else data[: rng.randrange(len(data) // _SECTOR + 1) * _SECTOR]


def _do(content: bytearray, step: tuple[str, int, bytes]) -> None:
    what, place, data = step
    if what == "truncate":
        del content[place:]
        return
    if len(content) < place:
        content.extend(bytes(place - len(content)))
    content[place : place + len(data)] = data
