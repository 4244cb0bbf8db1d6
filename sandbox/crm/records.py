"""CRM records, and the table that keeps those of one object type."""

from bisect import bisect_right, insort
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Change:
    """One value that a property had. ``at`` in milliseconds since 1970 UTC."""

    value: str
    at: int
    source: str


@dataclass(slots=True)
class Record:
    """One CRM record; absent properties have no value. Times are milliseconds since 1970 UTC."""

    id: int
    properties: dict[str, str]
    created_at: int
    updated_at: int
    archived_at: int | None = None
    history: dict[str, list[Change]] | None = None
    """Values written since the record was made, newest first, for properties that changed."""


@dataclass
class Table:
    """The records of one object type, in order of their ids.

    Attributes:
        rows: Every record by id, archived ones included.
        aliases: Ids of merged records, with the id that answers for them now.
        index: For each unique property: value to record id.
    """

    rows: dict[int, Record] = field(default_factory=dict)
    aliases: dict[int, int] = field(default_factory=dict)
    index: dict[str, dict[str, int]] = field(default_factory=dict)
    _ids: list[int] = field(default_factory=list)

    def add(self, record: Record) -> None:
        """Add a record."""
        self.rows[record.id] = record
        insort(self._ids, record.id)

    def find(self, record_id: int) -> Record | None:
        """A record by its id or by the id of a record merged into it; archived ones too."""
        return self.rows.get(self.aliases.get(record_id, record_id))

    def page(self, after: int, limit: int, *, archived: bool) -> tuple[list[Record], bool]:
        """Up to ``limit`` records with ids above ``after``, and whether there are more."""
        found: list[Record] = []
        for position in range(bisect_right(self._ids, after), len(self._ids)):
            record = self.rows[self._ids[position]]
            if (record.archived_at is not None) is archived:
                if len(found) == limit:
                    return found, True
                found.append(record)
        return found, False

    def live(self) -> Iterator[Record]:
        """Every record that is not archived, in order of the ids."""
        return (record for record in self.all() if record.archived_at is None)

    def all(self) -> Iterator[Record]:
        """Every record, in order of the ids."""
        return map(self.rows.__getitem__, self._ids)

    def remove(self, record_id: int) -> None:
        """Erase a record for good."""
        del self.rows[record_id]
        self._ids.remove(record_id)
