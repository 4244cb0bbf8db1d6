"""Takes a tap's messages in process, without turning them into text, and lands them."""

from __future__ import annotations

import copy
import re
import shutil
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

from saaskpi.errors import DataError
from warehouse.columns import columns_of, to_json
from warehouse.files import FileLock, make_directory, sync_directory, writing
from warehouse.manifest import MANIFEST, Manifest, StreamEntry, write_manifest
from warehouse.stream_file import StreamFile

INCOMING = ".incoming"
REJECTED = "_rejected"
WATCH_EVERY = 500
_STREAM_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def directory_name(pull: int) -> str:
    """Return the name of the directory of a full read."""
    return f"full-{pull:010d}"


class LandingWriter(GenericSingerWriter[str, Message]):
    """One pull under way: the ``message_writer`` of a tap, and a context manager.

    Not for several threads at once. Made by :meth:`warehouse.landing.Landing.begin`.

    Args:
        root: folder of the landing.
        manifest: the state before this pull.
        now: when the pull begins (UTC).
        lock: held; given back at the end.

    Attributes:
        watch: is told the stream and its rows so far, every ``WATCH_EVERY`` rows; None for nobody.
    """

    watch: Callable[[str, int], None] | None = None

    def __init__(self, root: Path, manifest: Manifest, now: datetime, lock: FileLock) -> None:
        self._root = root
        self._manifest = manifest
        self._now = now
        self._lock = lock
        self._name = directory_name(manifest.pull + 1)
        self._seq = manifest.last_seq
        self._state: dict[str, Any] = manifest.state
        self._streams: dict[str, StreamFile] = {}
        self._open = True
        make_directory(root / INCOMING)

    @property
    def rows(self) -> dict[str, int]:
        """Rows landed so far per stream, as of each stream's last row group; exact after :meth:`close`."""
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

        A record handed over must not be changed afterwards: it is written with its row group.

        Raises:
            DataError: a record without a schema, a stream name that cannot be a folder, or a BATCH message.
            StoreError: the disk refuses.
        """
        if isinstance(message, RecordMessage):
            self._write_record(message.stream, message.record)
        elif isinstance(message, SchemaMessage):
            self._write_schema(message)
        elif isinstance(message, StateMessage):
            self._state = copy.deepcopy(dict(message.value))
        elif not isinstance(message, ActivateVersionMessage):  # a full read replaces the former one anyway
            raise DataError(f"The landing cannot take a {message.type} message.")

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
                self._rename_all()
                write_manifest(self._root / MANIFEST, self._new_manifest())
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
        shutil.rmtree(self._root / INCOMING, ignore_errors=True)
        self._end()

    def _end(self) -> None:
        self._open = False
        self._lock.release()

    def _write_schema(self, message: SchemaMessage) -> None:
        stream = self._streams.get(message.stream)
        with writing(self._root):
            if stream is None:
                stream = self._streams[message.stream] = self._new_stream(message.stream)
            stream.describe(columns_of(message.schema, message.key_properties or ()))

    def _new_stream(self, name: str) -> StreamFile:
        if not _STREAM_NAME.fullmatch(name):
            raise DataError(f"'{name}' cannot be the name of a stream.")
        incoming = self._root / INCOMING
        return StreamFile(name, incoming / name, incoming / REJECTED / name)

    def _write_record(self, name: str, record: Mapping[str, Any]) -> None:
        stream = self._streams.get(name)
        if stream is None:
            raise DataError(f"A record of '{name}' came before its schema.")
        self._seq += 1
        with writing(self._root):
            stream.add(record, self._seq)
        if self.watch is not None and stream.taken % WATCH_EVERY == 1:
            self.watch(name, stream.taken)

    def _rename_all(self) -> None:
        """Move each stream's directory to its place; nobody reads it before the manifest names it."""
        for name, stream in self._streams.items():
            self._rename(self._root / INCOMING / name, self._root / name)
            if stream.rejected:
                self._rename(self._root / INCOMING / REJECTED / name, self._root / REJECTED / name)
        sync_directory(self._root)

    def _rename(self, incoming: Path, stream_root: Path) -> None:
        stream_root.mkdir(parents=True, exist_ok=True)
        incoming.rename(stream_root / self._name)
        sync_directory(stream_root)

    def _new_manifest(self) -> Manifest:
        read = {
            name: StreamEntry(
                directories=[self._name],
                rows=stream.rows,
                pulled_at=self._now,
                rejected=[self._name] if stream.rejected else [],
                rejected_rows=stream.rejected,
            )
            for name, stream in self._streams.items()
        }
        return Manifest(
            pull=self._manifest.pull + 1,
            last_seq=self._seq,
            streams={**self._manifest.streams, **read},
            state=self._state,
        )
