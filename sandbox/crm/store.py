"""The CRM's records with the rules for writing them; the HTTP layer only speaks to this."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from heapq import heappop, heappush
from typing import Any

from sandbox.crm.associations import Associations
from sandbox.crm.calculated import CALCULATED, Calculation
from sandbox.crm.definitions import Catalog, PropertyDefinition
from sandbox.crm.directory import PIPELINES, STAGES, CrmOwner
from sandbox.crm.object_types import ENGAGEMENTS, OBJECT_TYPES, ObjectType
from sandbox.crm.records import Change, Record, Table
from sandbox.crm.standard import standard_catalogs
from sandbox.crm.times import iso
from sandbox.crm.values import InvalidValueError, normalise

FIRST_ID = 30_000_000_001
_NEW_ID_WHEN_MERGED = ("companies", "contacts")
_WITH_HISTORY = ("companies", "contacts", "deals")
"""Types whose earlier values are kept; the others show their present value only, which saves memory."""


class InvalidPropertiesError(ValueError):
    """Some properties of a write were refused.

    Attributes:
        problems: ``(property name, validation code, message)`` of each.
    """

    def __init__(self, problems: Sequence[tuple[str, str, str]]) -> None:
        super().__init__(problems[0][2])
        self.problems = problems


class UniqueConflictError(ValueError):
    """Another record already has this value of a unique property.

    Attributes:
        name: The property.
        existing_id: The record that has the value.
    """

    def __init__(self, name: str, value: str, existing_id: int) -> None:
        super().__init__(f"{existing_id} already has that value for {name}: {value}")
        self.name = name
        self.existing_id = existing_id


class Crm:
    """Everything one HubSpot account holds. Callers that write hold ``lock``.

    Args:
        portal_id: The account's id.
        now: The sandbox's clock: milliseconds since 1970 UTC.

    Attributes:
        search_lag_ms: How long a write stays invisible to search.
        on_advance: Called by :meth:`advance` after the simulated company has moved on.
        tell: Called with each change: what happened, object type, record id, source, and more by name.
    """

    def __init__(self, portal_id: int, now: Callable[[], int]) -> None:
        self.portal_id = portal_id
        self.now = now
        self.lock = threading.RLock()
        self.tables = {name: Table() for name in OBJECT_TYPES}
        self.catalogs: dict[str, Catalog] = standard_catalogs()
        self.links = Associations()
        self.owners: list[CrmOwner] = []
        self.search_lag_ms = 0
        self.on_advance: Callable[[Crm], None] | None = None
        self.tell: Callable[..., None] = _to_nobody
        self._next_id = FIRST_ID
        self._scheduled = 0
        self._later: list[tuple[int, int, str, int, Mapping[str, str]]] = []
        self._unindexed: dict[tuple[str, int], tuple[int, Record | None]] = {}
        for name, catalog in self.catalogs.items():
            self.tables[name].index.update((unique, {}) for unique in catalog.unique_names())

    # -- reading -------------------------------------------------------------------------------

    def find(self, kind: ObjectType, record_id: str, *, archived: bool = False) -> Record | None:
        """A live (or archived) record by its id or a merged id; None when there is none."""
        found = self.tables[kind.name].find(int(record_id)) if record_id.isdigit() else None
        return found if found is not None and (found.archived_at is not None) is archived else None

    def find_unique(self, kind: ObjectType, name: str, value: str) -> Record | None:
        """The live record with that value of a unique property."""
        catalog = self.catalogs[kind.name].get(name)
        key = value.lower() if catalog is not None and name == "email" else value
        record_id = self.tables[kind.name].index[name].get(key)
        return None if record_id is None else self.tables[kind.name].rows[record_id]

    def reader(self, kind: ObjectType, names: Sequence[str]) -> Callable[[Record], dict[str, str | None]]:
        """A function that reads these properties of a record; unknown names are left out, as HubSpot does."""
        catalog = self.catalogs[kind.name]
        known = [name for name in dict.fromkeys(names) if catalog.get(name) is not None]
        special = self._special(kind)
        computed = [(name, special[name]) for name in known if name in special]

        def read(record: Record) -> dict[str, str | None]:
            get = record.properties.get
            values: dict[str, str | None] = {name: get(name) for name in known}
            for name, calculate in computed:
                values[name] = calculate(self, record)
            return values

        return read

    def _special(self, kind: ObjectType) -> dict[str, Calculation]:
        system: dict[str, Calculation] = {
            "hs_object_id": lambda _crm, record: str(record.id),
            kind.created: lambda _crm, record: iso(record.created_at),
            kind.modified: lambda _crm, record: iso(record.updated_at),
        }
        return {**CALCULATED.get(kind.name, {}), **system}

    def indexed(self, kind: ObjectType) -> Iterator[Record]:
        """The live records as search sees them: writes show only after the index lag."""
        now = self.now()
        self._unindexed = {key: entry for key, entry in self._unindexed.items() if entry[0] > now}
        waiting = {key[1]: entry[1] for key, entry in self._unindexed.items() if key[0] == kind.name}
        for record in self.tables[kind.name].all():
            seen = waiting.get(record.id, record) if waiting else record
            if seen is not None and seen.archived_at is None:
                yield seen

    def counts(self) -> dict[str, int]:
        """Live rows per stream of the tap, for checks that nothing was lost."""
        counts = {f"hubspot_{name}": sum(1 for _ in table.live()) for name, table in self.tables.items()}
        counts["hubspot_owners"] = len(self.owners)
        counts["hubspot_pipelines"] = sum(len(pipelines) for pipelines in PIPELINES.values())
        counts["hubspot_properties"] = sum(len(catalog.live()) for catalog in self.catalogs.values())
        counts["hubspot_associations"] = sum(self._count_links(pair) for pair in _COUNTED_PAIRS)
        return counts

    def _count_links(self, pair: tuple[str, str]) -> int:
        rows = self.tables[pair[0]].rows
        return sum(
            len(links) for source, links in self.links.sources(pair) if rows[source].archived_at is None
        )

    # -- writing -------------------------------------------------------------------------------

    def check(
        self, kind: ObjectType, properties: Mapping[str, str], current: Record | None
    ) -> dict[str, str]:
        """The values to store for what was sent.

        Raises:
            InvalidPropertiesError: Some are unknown, read-only or do not fit their type.
            UniqueConflictError: A unique value belongs to another record.
        """
        clean: dict[str, str] = {}
        problems: list[tuple[str, str, str]] = []
        for name, value in properties.items():
            definition = self.catalogs[kind.name].get(name)
            before = current.properties.get(name, "") if current else ""
            try:
                clean[name] = self._check_one(kind, name, definition, value, before)
            except InvalidValueError as refused:
                problems.append((name, refused.code, str(refused)))
        if problems:
            raise InvalidPropertiesError(problems)
        self._check_unique(kind, clean, current)
        return clean

    def _check_one(
        self, kind: ObjectType, name: str, definition: PropertyDefinition | None, value: str, before: str
    ) -> str:
        if definition is None:
            raise InvalidValueError("PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist')
        if definition.read_only:
            message = f'"{name}" is a read only property; its value cannot be set.'
            raise InvalidValueError("READ_ONLY_VALUE", message)
        return normalise(definition, value, before, self._external(kind, definition))

    def _external(self, kind: ObjectType, definition: PropertyDefinition) -> frozenset[str]:
        if definition.external == "OWNER":
            return frozenset(str(owner.id) for owner in self.owners)
        if definition.external == "PIPELINE":
            return frozenset(pipeline.id for pipeline in PIPELINES[kind.name])
        return frozenset(STAGES[kind.name]) if definition.external == "STAGE" else frozenset()

    def _check_unique(self, kind: ObjectType, clean: Mapping[str, str], current: Record | None) -> None:
        for name, index in self.tables[kind.name].index.items():
            holder = index.get(clean.get(name, ""))
            if holder is not None and (current is None or holder != current.id):
                raise UniqueConflictError(name, clean[name], holder)

    def create(self, kind: ObjectType, properties: Mapping[str, str]) -> Record:
        """Make a record from properties that were sent; see :meth:`check` for what it raises."""
        record = self.insert(kind.name, self.check(kind, properties, None), self.now())
        self._hide_from_search(kind.name, record.id, None)
        self.tell("creation", kind.name, record.id, "INTEGRATION")
        return record

    def insert(
        self, type_name: str, properties: dict[str, str], at: int, record_id: int | None = None
    ) -> Record:
        """Make a record from values known to be right, under the next id or one of the caller's.

        The record takes ``properties`` over.
        """
        stored = properties
        if "" in properties.values():
            stored = {name: value for name, value in properties.items() if value != ""}
        if record_id is None:
            record_id, self._next_id = self._next_id, self._next_id + 1
        record = Record(record_id, stored, at, at)
        self.tables[type_name].add(record)
        self._index(type_name, record, stored)
        return record

    def update(self, kind: ObjectType, record: Record, properties: Mapping[str, str]) -> bool:
        """Write properties that were sent; tells whether anything changed. Raises as :meth:`check`."""
        clean = self.check(kind, properties, record)
        before = Record(record.id, dict(record.properties), record.created_at, record.updated_at)
        changed = self.set(kind.name, record, clean, self.now(), "INTEGRATION")
        if changed:
            self._hide_from_search(kind.name, record.id, before)
        return changed

    def set(self, type_name: str, record: Record, values: Mapping[str, str], at: int, source: str) -> bool:
        """Store values known to be right, with their history; tells whether anything changed."""
        changed = {name: value for name, value in values.items() if record.properties.get(name, "") != value}
        if not changed:
            return False
        self._unindex(type_name, record, changed)
        for name, value in changed.items():
            if type_name in _WITH_HISTORY:
                self._remember(record, name, Change(value, at, source))
            if value:
                record.properties[name] = value
            else:
                del record.properties[name]
        self._index(type_name, record, changed)
        record.updated_at = max(at, record.updated_at)
        for name, value in changed.items():
            self.tell("propertyChange", type_name, record.id, source, propertyName=name, propertyValue=value)
        return True

    def _remember(self, record: Record, name: str, change: Change) -> None:
        if record.history is None:
            record.history = {}
        past = record.history.get(name)
        if past is None:
            value = record.properties.get(name)
            past = [] if value is None else [Change(value, record.created_at, "CRM_UI")]
            record.history[name] = past
        past.insert(0, change)

    def archive(self, kind: ObjectType, record: Record) -> None:
        """Put a record into the recycling bin: its unique values become free, its links go."""
        before = Record(record.id, record.properties, record.created_at, record.updated_at)
        record.archived_at = record.updated_at = self.now()
        self._unindex(kind.name, record, record.properties)
        self.links.forget(kind.name, record.id)
        self._hide_from_search(kind.name, record.id, before)
        self.tell("deletion", kind.name, record.id, "CRM_UI")

    def purge(self, kind: ObjectType, record: Record) -> None:
        """Delete a record for good, with its links."""
        self._unindex(kind.name, record, record.properties)
        self.links.forget(kind.name, record.id)
        self.tables[kind.name].remove(record.id)
        self._unindexed.pop((kind.name, record.id), None)
        for what in ("deletion", "privacyDeletion"):
            self.tell(what, kind.name, record.id, "CRM_UI")

    def merge(self, kind: ObjectType, primary: Record, other: Record) -> Record:
        """Merge ``other`` into ``primary``, whose values win.

        Companies and contacts get a new id, to which both old ids lead; the rest keep the primary's.
        """
        now = self.now()
        merged_ids = ";".join(
            part
            for record in (primary, other)
            for part in (record.properties.get("hs_merged_object_ids", ""), str(record.id))
            if part
        )
        values = {**other.properties, **primary.properties, "hs_merged_object_ids": merged_ids}
        for record in (primary, other):
            self._unindex(kind.name, record, record.properties)
        if kind.name in _NEW_ID_WHEN_MERGED:
            winner = self.insert(kind.name, values, now)
            winner.created_at = min(primary.created_at, other.created_at)
        else:
            winner = primary
            self.set(kind.name, winner, values, now, "MERGE_OBJECTS")
        for record in (primary, other):
            if record is not winner:
                self._move(kind.name, record, winner)
        self._hide_from_search(kind.name, winner.id, None)
        ids = {"primaryObjectId": primary.id, "mergedObjectIds": [other.id], "newObjectId": winner.id}
        self.tell("merge", kind.name, winner.id, "CRM_UI", **ids)
        return winner

    def _move(self, type_name: str, record: Record, winner: Record) -> None:
        for pair, (to_id, type_id) in list(self.links.all_from(type_name, record.id)):
            kind = self.links.type_of(pair, type_id)
            self.links.unlink(pair, record.id, to_id, type_id)
            keeps_primary = kind is not None and not kind.primary
            self.links.link(pair, winner.id, to_id, kind if keeps_primary else None)
        table = self.tables[type_name]
        table.remove(record.id)
        table.aliases.update({old: winner.id for old, new in table.aliases.items() if new == record.id})
        table.aliases[record.id] = winner.id

    def add_unique_index(self, type_name: str, name: str) -> None:
        """Start to keep the values of a new unique property apart."""
        self.tables[type_name].index[name] = {}

    def _index(self, type_name: str, record: Record, values: Mapping[str, str]) -> None:
        for name, index in self.tables[type_name].index.items():
            value = values.get(name)
            if value:
                index[value] = record.id

    def _unindex(self, type_name: str, record: Record, names: Mapping[str, str]) -> None:
        for name, index in self.tables[type_name].index.items():
            if name in names and index.get(record.properties.get(name, "")) == record.id:
                del index[record.properties[name]]

    def _hide_from_search(self, type_name: str, record_id: int, before: Record | None) -> None:
        if self.search_lag_ms == 0:
            return
        now = self.now()
        waiting = self._unindexed.get((type_name, record_id))
        kept = waiting[1] if waiting is not None and waiting[0] > now else before
        self._unindexed[type_name, record_id] = (now + self.search_lag_ms, kept)

    # -- time ----------------------------------------------------------------------------------

    def schedule(self, at: int, type_name: str, record_id: int, values: Mapping[str, str]) -> None:
        """Let a record change at a later time, when the simulated company gets there."""
        self._scheduled += 1
        heappush(self._later, (at, self._scheduled, type_name, record_id, values))

    def settle(self, until: int) -> None:
        """Make every scheduled change up to ``until`` happen."""
        while self._later and self._later[0][0] <= until:
            at, _order, type_name, record_id, values = heappop(self._later)
            record = self.tables[type_name].find(record_id)
            if record is not None and record.archived_at is None:
                self.set(type_name, record, values, at, "CRM_UI")

    def advance(self) -> None:
        """Catch up with the simulated company after its clock moved."""
        if self.on_advance is not None:
            with self.lock:
                self.on_advance(self)


def _to_nobody(what: str, type_name: str, object_id: int, source: str, **more: Any) -> None:
    """Nobody listens."""


def wall_clock(
    world_now: Callable[[], int], monotonic: Callable[[], float] = time.monotonic
) -> Callable[[], int]:
    """The simulated time plus the real time since the start, so that writes keep their order."""
    started = monotonic()
    return lambda: world_now() + int((monotonic() - started) * 1000)


_COUNTED_PAIRS = (
    ("contacts", "companies"),
    ("deals", "companies"),
    ("tickets", "companies"),
    *((kind, target) for kind in ENGAGEMENTS for target in ("companies", "contacts")),
    ("feedback_submissions", "contacts"),
)
