"""Takes a tap's messages in process, without turning them into text, and lands them."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from singer_sdk.singerlib import (
    ActivateVersionMessage,
    Message,
    RecordMessage,
    SchemaMessage,
    StateMessage,
)
from singer_sdk.singerlib.encoding.base import GenericSingerWriter
from typing_extensions import override

from saaskpi.errors import DataError
from warehouse.columns import Column, columns_of, to_json
from warehouse.deltas import (
    DELTAS,
    REJECTED,
    Gone,
    delta_name,
    put_in_place,
    retire,
    retire_covered,
    write_gone,
)
from warehouse.files import FileLock, sync_directory, writing
from warehouse.incoming import Claim, first_seq
from warehouse.manifest import Delta, Manifest, StreamEntry, changing
from warehouse.stream_file import StreamFile

WATCH_EVERY = 500
_STREAM_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def directory_name(number: int) -> str:
    """Return the name of the directory of a full read."""
    return f"full-{number:010d}"


class LandingWriter(GenericSingerWriter[str, Message]):
    """One pull under way: the ``message_writer`` of a tap, and a context manager.

    Not for several threads at once. Made by :meth:`warehouse.landing.Landing.begin`.

    Args:
        root: folder of the landing.
        claim: its number; given back at the end.
        now: when the pull begins (UTC).
        lock: held; given back at the end.

    Attributes:
        watch: is told the stream and its rows so far, every ``WATCH_EVERY`` rows; None for nobody.
        notes: put into the state beside what the tap says, with the rows.
    """

    watch: Callable[[str, int], None] | None = None

    def __init__(self, root: Path, claim: Claim, now: datetime, lock: FileLock | None = None) -> None:
        self._root = root
        self._claim = claim
        self._now = now
        self._lock = lock
        self._seq = first_seq(claim.number)
        self._state: dict[str, Any] | None = None
        self.notes: dict[str, Any] = {}
        self._streams: dict[str, StreamFile] = {}
        self._keys: dict[str, list[str]] = {}
        self._open = True

    @property
    def number(self) -> int:
        """Its number: above those of every pull and delta that began before."""
        return self._claim.number

    @property
    def rows(self) -> dict[str, int]:
        """Rows landed so far per stream, without those still kept as objects; exact after :meth:`close`."""
        return {name: stream.rows for name, stream in self._streams.items()}

    @property
    def rejected(self) -> dict[str, int]:
        """Rows kept aside so far per stream, streams without any left out."""
        return {name: stream.rejected for name, stream in self._streams.items() if stream.rejected}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:
            self.abort()

    def serialize_message(self, message: Message) -> str:
        """Return a message as JSON text; not used for landing."""
        return to_json(message.to_dict()).decode()

    def write_message(self, message: Message) -> None:
        """Take one Singer message in.

        A record handed over must not be changed afterwards: it becomes columns later.

        Raises:
            DataError: a record without a schema, a stream name that cannot be a folder, or a BATCH message.
            StoreError: the disk refuses.
        """
        if isinstance(message, RecordMessage):
            self.add(message.stream, message.record)
        elif isinstance(message, SchemaMessage):
            keys = list(message.key_properties or ())
            self.describe(message.stream, columns_of(message.schema, keys))
        elif isinstance(message, StateMessage):
            self._state = copy.deepcopy(dict(message.value))
        elif not isinstance(message, ActivateVersionMessage):  # a full read replaces the former one anyway
            raise DataError(f"The landing cannot take a {message.type} message.")

    def describe(self, stream: str, columns: tuple[Column, ...]) -> None:
        """Set the columns of a stream; as a SCHEMA message does.

        Raises:
            DataError: the name cannot be a folder.
            StoreError: the disk refuses.
        """
        with writing(self._root):
            if stream not in self._streams:
                if not _STREAM_NAME.fullmatch(stream):
                    raise DataError(f"'{stream}' cannot be the name of a stream.")
                self._streams[stream] = self._new_stream(stream)
            self._keys[stream] = [column.name for column in columns if column.key]
            self._streams[stream].describe(columns)

    def add(self, stream: str, record: Mapping[str, Any]) -> None:
        """Take one record in; as a RECORD message does.

        Raises:
            DataError: its stream has not been described.
            StoreError: the disk refuses.
        """
        file = self._streams.get(stream)
        if file is None:
            raise DataError(f"A record of '{stream}' came before its schema.")
        self._seq += 1
        with writing(self._root):
            file.add(record, self._seq)
        if self.watch is not None and file.taken % WATCH_EVERY == 1:
            self.watch(stream, file.taken)

    def close(self) -> None:
        """Make the pull visible: all its streams at once.

        Raises:
            StoreError: the disk refuses; the former state stays.
        """
        if not self._open:
            return
        try:
            with writing(self._root):
                for stream in self._streams.values():
                    stream.close()
                self._put_in_place()
            with changing(self._root) as manifest:
                self._commit(manifest)
                manifest.pull += 1
                manifest.number = max(manifest.number, self._claim.number)
                manifest.state = {**(manifest.state if self._state is None else self._state), **self.notes}
        except BaseException:
            self.abort()
            raise
        self._end()

    def abort(self) -> None:
        """Drop the pull; the former state stays."""
        if not self._open:
            return
        for stream in self._streams.values():
            stream.discard()
        self._end()

    def _end(self) -> None:
        self._open = False
        self._claim.release()
        if self._lock is not None:
            self._lock.release()

    def _new_stream(self, name: str) -> StreamFile:
        incoming = self._claim.directory
        return StreamFile(name, incoming / name, incoming / REJECTED / name)

    def _put_in_place(self) -> None:
        """Move each stream's directory to its place; nobody reads it before the manifest names it."""
        for name, stream in self._streams.items():
            self._move(self._claim.directory / name, self._root / name)
            if stream.rejected:
                self._move(self._claim.directory / REJECTED / name, self._root / REJECTED / name)
        sync_directory(self._root)

    def _move(self, incoming: Path, stream_root: Path) -> None:
        stream_root.mkdir(parents=True, exist_ok=True)
        put_in_place(incoming, stream_root / directory_name(self._claim.number))

    def _commit(self, manifest: Manifest) -> None:
        name = directory_name(self._claim.number)
        for stream, file in self._streams.items():
            retire(manifest, stream)
            manifest.streams[stream] = StreamEntry(
                directories=[name],
                rows=file.rows,
                pulled_at=self._now,
                rejected=[name] if file.rejected else [],
                rejected_rows=file.rejected,
                number=self._claim.number,
                keys=self._keys[stream],
            )
        retire_covered(manifest)


class DeltaWriter(LandingWriter):
    """A few records read anew: lands beside the full reads, in one directory for all streams.

    Made by :meth:`warehouse.landing.Landing.begin_delta`, before the reading begins: what began later stands.

    Attributes:
        landed: called when the delta has become visible.
    """

    def __init__(self, root: Path, claim: Claim, now: datetime) -> None:
        super().__init__(root, claim, now)
        self._gone: dict[Gone, None] = {}
        self.landed: Callable[[], None] = lambda: None

    def void(self, stream: str, column: str, value: str) -> None:
        """Declare every row that was read before and has this value void; rows of this delta stay.

        Args:
            stream: of the rows.
            column: of text, the key or constant for a key; several joined by "+".
            value: the value, or the values joined by "+".
        """
        self._gone[Gone(stream, column, value)] = None

    @override
    def _new_stream(self, name: str) -> StreamFile:
        directory = self._claim.directory / "delta"
        return StreamFile(name, directory, directory / REJECTED, read_at=self._now, name=name)

    @override
    def close(self) -> None:
        if not self._open:
            return
        if self._streams or self._gone or self.notes or self._state is not None:
            super().close()
            self.landed()
        else:
            self.abort()

    @override
    def _put_in_place(self) -> None:
        directory = self._claim.directory / "delta"
        directory.mkdir(exist_ok=True)
        if self._gone:
            write_gone(directory, [(*one, first_seq(self._claim.number)) for one in self._gone])
        if self.rejected:
            sync_directory(directory / REJECTED)
        deltas = self._root / DELTAS
        if not deltas.exists():
            deltas.mkdir()
            sync_directory(self._root)
        put_in_place(directory, deltas / delta_name(self._claim.number))

    @override
    def _commit(self, manifest: Manifest) -> None:
        delta = Delta(
            number=self._claim.number,
            directory=delta_name(self._claim.number),
            streams={**{one.stream: 0 for one in self._gone}, **self.rows},
            keys=self._keys,
            rejected=self.rejected,
            voids=bool(self._gone),
        )
        manifest.deltas = sorted([*manifest.deltas, delta], key=lambda one: one.number)
        retire_covered(manifest)
