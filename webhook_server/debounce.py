"""Holds claimed events back until nothing more comes for their account, so that a burst is one refresh."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from warehouse.inbox import Received

_PATIENCE: Final = 4
"""How many times the quiet time an account that never goes quiet waits at most."""


class Debounce:
    """Events by the account that they are about; pure but for what it holds.

    Args:
        quiet: how long nothing must have come in for an account.
    """

    def __init__(self, quiet: timedelta) -> None:
        self._quiet = quiet
        self._held: defaultdict[str, list[Received]] = defaultdict(list)

    def __len__(self) -> int:
        """Return how many events are held back."""
        return sum(map(len, self._held.values()))

    def add(self, about: str, row: Received) -> None:
        """Hold an event back.

        Args:
            about: what it is about: events with the same word wait for each other.
            row: the event.
        """
        self._held[about].append(row)

    def ripe(self, now: datetime, most: int) -> list[Received]:
        """Let go of the events that have waited enough, oldest first.

        Args:
            now: aware, UTC.
            most: accounts whose events are let go of; those that are due the longest.
        """
        due = sorted((self._due(rows), about) for about, rows in self._held.items())
        ripe = [about for at, about in due if at <= now][:most]
        rows = [row for about in ripe for row in self._held.pop(about)]
        return sorted(rows, key=lambda row: (row.received_at, row.id))

    def all(self) -> list[Received]:
        """Let go of every event."""
        rows = [row for held in self._held.values() for row in held]
        self._held.clear()
        return rows

    def next_due(self) -> datetime | None:
        """Return when the next events have waited enough, None when none wait."""
        return min(map(self._due, self._held.values()), default=None)

    def _due(self, rows: Iterable[Received]) -> datetime:
        times = [row.received_at for row in rows]
        return min(max(times) + self._quiet, min(times) + self._quiet * _PATIENCE)
