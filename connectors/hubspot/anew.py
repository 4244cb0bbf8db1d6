"""Reads named HubSpot objects anew, into the records that the streams would make of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import partial

from connectors.found import Found, Task
from connectors.hubspot.client import ASSOCIATION_BATCH, BATCH, HEALTH_TYPES, HubSpotClient, chunks
from connectors.hubspot.streams import (
    OBJECT_STREAMS,
    Associations,
    Owners,
    Pipelines,
    Properties,
    is_long_text,
    links,
    object_record,
)
from connectors.hubspot.values import PropertyReader
from connectors.touched import Ref
from saaskpi.errors import MissingPermissionError

STREAM_OF = {stream.object_type: stream for stream in OBJECT_STREAMS}
MERGED_IDS = "hs_merged_object_ids"
"""Property of a record that others were merged into: their ids, joined by ";"."""


class HubSpotAnew:
    """Reads named objects of one portal anew, with their links.

    Args:
        client: of the portal.
        streams: names of those to make records for; what belongs to no other is not read.
    """

    def __init__(self, client: HubSpotClient, streams: Collection[str]) -> None:
        self._client = client
        self._streams = streams

    def tasks(self, refs: Iterable[Ref]) -> list[Task]:
        """Give what to do for some objects; types that no stream has are left out."""
        ids: dict[str, list[str]] = {}
        for kind, id_ in sorted(set(refs)):
            if kind in STREAM_OF and STREAM_OF[kind].name in self._streams:
                ids.setdefault(kind, []).append(id_)
        return [task for kind, of_kind in ids.items() for task in self._of_type(kind, of_kind)]

    def definitions(self, object_types: Iterable[str]) -> list[Task]:
        """Give what to do to read the property definitions of some types whole."""
        if Properties.name not in self._streams:
            return []
        return [partial(self._properties, object_type) for object_type in object_types]

    def people_and_pipelines(self, object_types: Iterable[str]) -> list[Task]:
        """Give what to do to read the owners, and the pipelines of some types, whole."""
        tasks: list[Task] = [self._owners] if Owners.name in self._streams else []
        if Pipelines.name in self._streams:
            tasks += [partial(self._pipelines, object_type) for object_type in object_types]
        return tasks

    def _of_type(self, kind: str, ids: Sequence[str]) -> list[Task]:
        tasks: list[Task] = [partial(self._objects, kind, part) for part in chunks(ids, BATCH)]
        return tasks + self._linked(kind, ids)

    def _linked(self, kind: str, ids: Sequence[str]) -> list[Task]:
        if Associations.name not in self._streams:
            return []
        return [
            partial(self._links, kind, to_type, part)
            for to_type in STREAM_OF[kind].linked_to
            for part in chunks(ids, ASSOCIATION_BATCH)
        ]

    def _objects(self, kind: str, ids: Sequence[str]) -> Found:
        found = _named(kind, ids)
        try:
            definitions = self._client.properties(kind)
            texts = kind not in HEALTH_TYPES
            names = [name for name in sorted(definitions) if texts or not is_long_text(definitions[name])]
            rows = self._client.objects_by_id(kind, ids, names)
        except MissingPermissionError:
            if kind in HEALTH_TYPES:
                return found  # a full pull says so
            raise
        reader = PropertyReader(definitions)
        found.rows = [(STREAM_OF[kind].name, object_record(row, reader)) for row in rows]
        self._note_absent(found, kind, ids, {row["id"]: row["properties"].get(MERGED_IDS) for row in rows})
        return found

    def _note_absent(
        self, found: Found, kind: str, ids: Sequence[str], answered: dict[str, str | None]
    ) -> None:
        """Tell what was deleted and what others stand for now; links of those are to be read too."""
        stands_for = {
            old: survivor
            for survivor, merged in answered.items()
            for old in (merged or "").split(";")
            if old and old not in answered  # of deals and tickets one keeps its id
        }
        absent = set(ids) - set(answered)
        for id_ in sorted(absent | set(stands_for)):
            found.gone += gone_object(kind, id_)
        found.missing |= {Ref(kind, id_) for id_ in absent}
        found.merged |= {
            Ref(kind, id_): Ref(kind, stands_for[id_]) for id_ in sorted(absent) if id_ in stands_for
        }
        survivors = set(answered) - set(ids)
        if survivors:
            found.more += self._linked(kind, sorted(survivors))
            _add_ends(found, kind, survivors)

    def _links(self, kind: str, to_type: str, ids: Sequence[str]) -> Found:
        found = Found()
        try:
            rows = list(links(self._client, kind, to_type, ids))
        except MissingPermissionError:
            if kind in HEALTH_TYPES:
                return found
            raise
        found.gone = [(Associations.name, "from_object_type+from_id", f"{kind}+{id_}") for id_ in ids]
        found.rows = [(Associations.name, row) for row in rows]
        _add_ends(found, to_type, (row["to_id"] for row in rows))
        return found

    def _properties(self, object_type: str) -> Found:
        definitions = self._client.properties(object_type, refresh=True).values()
        return Found(
            rows=[(Properties.name, {"object_type": object_type, **one}) for one in definitions],
            gone=[(Properties.name, "object_type", object_type)],
        )

    def _pipelines(self, object_type: str) -> Found:
        rows = self._client.pipelines(object_type)
        return Found(
            rows=[(Pipelines.name, {"object_type": object_type, **row}) for row in rows],
            gone=[(Pipelines.name, "object_type", object_type)],
        )

    def _owners(self) -> Found:
        return Found(rows=[(Owners.name, owner) for page in self._client.owners() for owner in page])


def gone_object(kind: str, id_: str) -> list[tuple[str, str, str]]:
    """Return the rules that leave out an object that is not there any more, and every link to it."""
    rules = [(Associations.name, f"{end}_object_type+{end}_id", f"{kind}+{id_}") for end in ("from", "to")]
    return [(STREAM_OF[kind].name, "id", id_), *rules] if kind in STREAM_OF else rules


def _named(kind: str, ids: Iterable[str]) -> Found:
    found = Found()
    _add_ends(found, kind, ids)
    return found


def _add_ends(found: Found, kind: str, ids: Iterable[str]) -> None:
    if kind == "companies":
        found.companies.update(ids)
    elif kind == "contacts":
        found.contacts.update(ids)
