"""What the streams of both APIs share: parents that hand whole pages to their children.

The SDK syncs a child once per parent record: a SCHEMA message, log lines and a state entry each time.
Here it is synced once per page of parents, which costs a hundredth of that, and the parent is read once
for all its children.
"""

from __future__ import annotations

import abc
import logging
from collections.abc import Generator, Iterable, Iterator, Mapping
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any, ClassVar, Generic, TypeVar

from singer_sdk import Stream, Tap, metrics
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.helpers.types import Context, Record
from singer_sdk.singerlib import RecordMessage
from typing_extensions import override

from connectors.http import Json, JsonRows

Client = TypeVar("Client")
UNHANDLED = "An unhandled error occurred"


class ApiStream(Stream, abc.ABC, Generic[Client]):
    """A stream read page by page, whole at each run; its replication key is declared for later.

    Records arrive in their final types, so the SDK's conforming (three quarters of its cost) is off.

    Attributes:
        keys: the fields that tell one record from another.
        replicated_by: the field that rises with each change, or at least with each creation.
        page: the rows that the children of the page under way are made from, untouched.
    """

    name: str

    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE
    keys: ClassVar[tuple[str, ...]] = ("id",)
    replicated_by: ClassVar[str | None] = None

    def __init__(self, tap: Tap, client: Client) -> None:
        super().__init__(tap)
        self.client = client
        self.primary_keys = list(self.keys)
        self.replication_key = self.replicated_by
        self.forced_replication_method = "FULL_TABLE"
        self.page: JsonRows = []
        self._pages_read = 0
        self._page_handed_on = True
        self._schema_written = False
        self._whole = False

    @property
    def schema(self) -> dict[str, Any]:
        """JSON schema of the records."""
        if self._schema is None:
            self._schema = self.make_schema()
        return self._schema

    @abc.abstractmethod
    def make_schema(self) -> dict[str, Any]:
        """Make the JSON schema of the records; asked for once."""

    @abc.abstractmethod
    def pages(self) -> Iterator[JsonRows]:
        """Read the rows, a page at a time."""

    @classmethod
    def record(cls, row: Json) -> Json:
        """Make the record to emit from a row; the row itself must stay as it is."""
        return row

    @override
    def get_records(self, context: Context | None) -> Iterable[Record]:
        """Read every record, keeping each page within reach of the children."""
        self._whole = all(self.mask.values())
        for page in self.pages():
            self.page = [row for row in page if self.stream_maps[0].get_filter_result(row)]
            self._pages_read += 1
            self._page_handed_on = False
            for row in page:
                yield self.record(row)

    @override
    def log(self, message: str, *args: Any, level: int = logging.INFO, **kwargs: Any) -> None:
        """Log; the SDK's word of an "unhandled error" goes to the debug level, the caller tells which."""
        super().log(message, *args, level=logging.DEBUG if message.startswith(UNHANDLED) else level, **kwargs)

    @override
    def generate_child_contexts(self, record: Record, context: Context | None) -> Iterable[Context]:
        """Start the children once per page, at its first record that a stream map lets through."""
        if not self._page_handed_on and self.stream_maps[0].get_filter_result(record):
            self._page_handed_on = True
            yield {"parent": self.name, "page": self._pages_read}

    @override
    def _generate_record_messages(self, record: Record) -> Generator[RecordMessage]:
        """Make the messages; looking for deselected fields costs five times as much as all the rest."""
        if not self._whole:
            # A copy: the SDK takes fields out in place, and children still need the row.
            yield from super()._generate_record_messages(deepcopy(record))
            return
        for stream_map in self.stream_maps:
            mapped = stream_map.transform(record)
            if mapped is not None:
                yield RecordMessage(
                    stream=stream_map.stream_alias,
                    record=mapped,
                    version=self._stream_version,
                    time_extracted=datetime.now(UTC),
                )

    @override
    def _write_schema_message(self) -> None:
        """Write the schema once, also for a child that is synced many times."""
        if not self._schema_written:
            self._schema_written = True
            super()._write_schema_message()


class ChildStream(ApiStream[Client]):
    """A stream made from the pages of its parents."""

    state_partitioning_keys = ()

    def __init__(self, tap: Tap, client: Client) -> None:
        super().__init__(tap, client)
        self._counter = _RunningCounter(metrics.Metric.RECORD_COUNT, {metrics.Tag.STREAM: self.name})

    @abc.abstractmethod
    def children(self, parent: ApiStream[Any]) -> Iterable[Json]:
        """Make records from the page that ``parent`` is at."""

    @override
    def pages(self) -> Iterator[JsonRows]:
        """Nothing: the records come from the parents."""
        return iter(())

    @override
    def get_records(self, context: Context | None) -> Iterable[Record]:
        """Make the records of one page of a parent."""
        self._whole = all(self.mask.values())
        if context:
            parent = self._tap.streams[context["parent"]]
            if isinstance(parent, ApiStream):
                yield from self.children(parent)

    @override
    def log(self, message: str, *args: Any, level: int = logging.INFO, **kwargs: Any) -> None:
        """Log; the notes that come with every page go to the debug level."""
        super().log(message, *args, level=logging.DEBUG if level == logging.INFO else level, **kwargs)

    @override
    def get_record_counter(
        self, *, endpoint: str | None = None, log_interval: float = 60.0
    ) -> metrics.Counter:
        """Give one counter for all pages."""
        return self._counter

    @override
    def get_sync_timer(self) -> metrics.Timer:
        """Give a timer that says nothing: a page's time is no one's question."""
        return _SilentTimer(metrics.Metric.SYNC_DURATION)

    @override
    def log_sync_costs(self) -> None:
        """Log at the end how many records there were."""
        self._counter.exit_for_good()


class _RunningCounter(metrics.Counter):
    """Counts over many pages and logs at its interval and at the very end, not after each page."""

    def __enter__(self) -> _RunningCounter:
        return self

    def exit(self) -> None:
        if self._ready_to_log():
            self._pop()

    def exit_for_good(self) -> None:
        self._pop()


class _SilentTimer(metrics.Timer):
    def __exit__(self, *args: object) -> None:
        """Log nothing."""


def only(record: Mapping[str, Any], left_out: tuple[str, ...]) -> Json:
    """Copy ``record`` without some of its fields."""
    return {name: value for name, value in record.items() if name not in left_out}
