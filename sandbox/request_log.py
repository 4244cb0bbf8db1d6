"""What was asked of the sandbox: a log that tests and the demo read, and a place for observers."""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

READING_POSTS = ("/search", "/batch/read")


def is_write(vendor: str, method: str, path: str) -> bool:
    """Tell whether a request changes something at the vendor.

    HubSpot reads in bulk by POST (``/batch/read`` and ``/search``): those are reads.
    """
    if method in ("GET", "HEAD", "OPTIONS"):
        return False
    return not (vendor == "hubspot" and method == "POST" and path.rstrip("/").endswith(READING_POSTS))


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request with its answer, as bytes on the wire. ``status`` is 0 when nothing was answered."""

    vendor: str
    method: str
    path: str
    query_string: str
    headers: Mapping[str, str]
    body: bytes
    status: int
    answer: bytes


Observer = Callable[[Exchange], None]


def _readable(body: bytes) -> Any:
    if not body:
        return None
    try:
        return json.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace")


@dataclass
class RequestLog:
    """Every request in order of its answer. Thread-safe; observers are called in the serving thread.

    Attributes:
        observers: Called with each exchange after it was logged; tests hang their validators here.
        now: The wall clock that stamps the entries (UTC).
    """

    observers: list[Observer] = field(default_factory=list)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _entries: list[dict[str, Any]] = field(default_factory=list)
    _seq: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, exchange: Exchange) -> None:
        """Append one exchange; ``body`` is kept parsed when it is JSON, as text otherwise."""
        entry = {
            "vendor": exchange.vendor,
            "method": exchange.method,
            "path": exchange.path,
            "query": parse_qs(exchange.query_string, keep_blank_values=True),
            "body": _readable(exchange.body),
            "status": exchange.status,
            "at": self.now().isoformat(),
            "write": is_write(exchange.vendor, exchange.method, exchange.path),
        }
        with self._lock:
            self._seq += 1
            self._entries.append({"seq": self._seq, **entry})
        for observer in list(self.observers):
            observer(exchange)

    def entries(
        self, vendor: str | None = None, method: str | None = None, write: bool | None = None
    ) -> list[dict[str, Any]]:
        """The entries, oldest first, of one vendor, method or of writes only."""
        with self._lock:
            entries = list(self._entries)
        return [
            entry
            for entry in entries
            if vendor in (None, entry["vendor"])
            and method in (None, entry["method"])
            and write in (None, entry["write"])
        ]

    def clear(self) -> None:
        """Forget all entries; ``seq`` goes on rising."""
        with self._lock:
            self._entries.clear()
