"""Writes to HubSpot in batches, and says for each row what became of it.

HubSpot answers a batch in four ways: all done (200, 201), part done (207), refused as a whole because of
one row (400), or not at all. Each input carries an ``objectWriteTraceId``, the only thing that ties an
error of a partial answer to its row.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.http import Json
from connectors.hubspot.client import BATCH, HubSpotClient, check_partial, chunks
from saaskpi.errors import RejectedError

MOST_SPLITS = 40
"""Calls spent on one refused batch to find its bad rows: enough for three among a hundred."""
UNSAID = "HubSpot did not say what became of this row."


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became of one row.

    Attributes:
        key: the input's id, its unique value, its name, or ``from:to`` of an association.
        ok: whether it is written.
        object_id: HubSpot's id of the written object; another one than asked for after a merge.
        error: HubSpot's reason when it is not written.
    """

    key: str
    ok: bool
    object_id: str | None = None
    error: str | None = None


Rows = Sequence[tuple[str, Json]]
"""Key and input of each row of a batch."""


class HubSpotWriter:
    """Writes to one portal; the first refused key or scope stops everything (AccessError).

    Args:
        client: gives the connection and the paths.
    """

    def __init__(self, client: HubSpotClient) -> None:
        self._client = client

    def portal_id(self) -> str:
        """Tell which portal is written to."""
        return self._client.portal().id

    def properties(self, object_type: str) -> dict[str, Json]:
        """Definitions by name as they are at this moment."""
        return self._client.properties(object_type, refresh=True)

    def probe(self, object_type: str) -> None:
        """Ask whether objects of a type may be written, without writing any: a batch of none.

        HubSpot looks at the scopes before it looks at the body; whatever it says of the body does not matter.

        Args:
            object_type: such as ``companies``.

        Raises:
            AccessError: the token is refused or lacks a scope.
        """
        with contextlib.suppress(RejectedError):
            self._client.http.post(
                self._client.path("objects", f"{object_type}/batch/create"), {"inputs": []}, repeatable=True
            )

    def create_group(self, object_type: str, name: str, label: str) -> bool:
        """Create a group of properties; False when it was there.

        Raises:
            RejectedError: HubSpot refuses it.
        """
        path = self._client.path("properties", f"{object_type}/groups")
        return self._created(path, {"name": name, "label": label, "displayOrder": -1})

    def create_properties(
        self, object_type: str, definitions: Sequence[Mapping[str, Any]]
    ) -> list[RowResult]:
        """Create property definitions; one that is there already counts as created.

        Args:
            object_type: such as ``companies``.
            definitions: name, label, type, fieldType, groupName and what else HubSpot takes.

        Returns:
            One result per definition, its name as key.
        """
        path = self._client.path("properties", object_type)
        results = []
        for definition in definitions:
            name = str(definition["name"])
            try:
                self._created(path, dict(definition))
                results.append(RowResult(name, ok=True, object_id=name))
            except RejectedError as error:
                results.append(RowResult(name, ok=False, error=error.message))
        return results

    def add_options(
        self,
        object_type: str,
        name: str,
        options: Sequence[Mapping[str, Any]],
        there: Sequence[Mapping[str, Any]],
    ) -> RowResult:
        """Add options to an enumeration; those that are there stay as they are.

        Args:
            object_type: such as ``companies``.
            name: of the property.
            options: to add: value, label and what else HubSpot takes.
            there: those that it has now; HubSpot replaces the whole list.

        Returns:
            The result, the name as key.
        """
        whole = [*map(_option, there), *map(dict, options)]
        try:
            self._client.http.patch(
                self._client.path("properties", f"{object_type}/{name}"), {"options": whole}
            )
        except RejectedError as error:
            return RowResult(name, ok=False, error=error.message)
        return RowResult(name, ok=True, object_id=name)

    def archive(self, object_type: str, ids: Sequence[str]) -> Iterator[list[RowResult]]:
        """Move objects to the recycling bin; one that is there already stays there.

        Args:
            object_type: such as ``tasks``.
            ids: of the objects.

        Yields:
            The results of each call of at most 100 rows.
        """
        path = self._client.path("objects", f"{object_type}/batch/archive")
        for part in chunks(ids, BATCH):
            try:
                self._client.http.post(path, {"inputs": [{"id": one} for one in part]}, repeatable=True)
                yield [RowResult(one, ok=True, object_id=one) for one in part]
            except RejectedError as error:
                yield [RowResult(one, ok=False, error=error.message) for one in part]

    def update(
        self, object_type: str, inputs: Sequence[tuple[str, Mapping[str, str]]]
    ) -> Iterator[list[RowResult]]:
        """Set properties of objects by id.

        Args:
            object_type: such as ``companies``.
            inputs: object id and its properties; "" clears one.

        Yields:
            The results of each call of at most 100 rows, as soon as it is answered.
        """
        path = self._client.path("objects", f"{object_type}/batch/update")
        rows = [(id_, {"id": id_, "properties": dict(values)}) for id_, values in inputs]
        return self._write(path, rows, _written_id)

    def upsert(
        self, object_type: str, id_property: str, inputs: Sequence[tuple[str, Mapping[str, str]]]
    ) -> Iterator[list[RowResult]]:
        """Create or update objects by a unique property: the only creation that is safe to repeat.

        Args:
            object_type: such as ``tasks``.
            id_property: name of the unique property.
            inputs: its value and the properties to set.

        Yields:
            The results of each call of at most 100 rows, as soon as it is answered.
        """
        path = self._client.path("objects", f"{object_type}/batch/upsert")
        rows = [
            (value, {"idProperty": id_property, "id": value, "properties": dict(values)})
            for value, values in inputs
        ]
        return self._write(path, rows, lambda result: (result.get("properties") or {}).get(id_property))

    def create(
        self,
        object_type: str,
        to_type: str,
        type_id: int,
        inputs: Sequence[tuple[str, Mapping[str, str], str]],
    ) -> Iterator[list[RowResult]]:
        """Create objects, each linked to another one. Not safe to repeat, so no call is made twice.

        Args:
            object_type: such as ``tasks``.
            to_type: of the other ends, such as ``companies``.
            type_id: HubSpot's number of the type of link.
            inputs: a name for each (the key of its result), its properties, the id that it is linked to.

        Yields:
            The results of each call of at most 100 rows, as soon as it is answered.

        Raises:
            UnavailableError: a call was not answered; its objects may exist.
        """
        path = self._client.path("objects", f"{object_type}/batch/create")
        kind = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}
        rows = [
            (key, {"properties": dict(values), "associations": [{"to": {"id": to_id}, "types": [kind]}]})
            for key, values, to_id in inputs
        ]
        return self._write(path, rows, lambda _: None, repeatable=False)

    def read(
        self, object_type: str, ids: Sequence[str], names: Sequence[str], id_property: str | None = None
    ) -> dict[str, dict[str, str]]:
        """Read properties of objects as they are at this moment, a hundred a call.

        Args:
            object_type: such as ``tasks``.
            ids: ids, or values of ``id_property``.
            names: properties to read.
            id_property: a unique property to ask by.

        Returns:
            By what was asked for, the properties and ``hs_object_id``, "" for no value; without those that
            are not there.
        """
        path = self._client.path("objects", f"{object_type}/batch/read")
        asked: Json = {"properties": [*names], "propertiesWithHistory": []}
        asked |= {"idProperty": id_property} if id_property else {}
        found = {}
        for part in chunks(list(dict.fromkeys(ids)), BATCH):
            body = {**asked, "inputs": [{"id": id_} for id_ in part]}
            answer = self._client.http.post(path, body, repeatable=True)[1]
            check_partial(path, answer)
            for row in answer["results"]:
                values = {name: row["properties"].get(name) or "" for name in names}
                key = values[id_property] if id_property else str(row["id"])
                found[key] = {**values, "hs_object_id": str(row["id"])}
        return found

    def linked(self, from_type: str, to_type: str, ids: Sequence[str]) -> dict[str, list[str]]:
        """Read what objects are linked to at this moment, a thousand a call.

        Args:
            from_type: type of ``ids``, such as ``companies``.
            to_type: type of the other ends.
            ids: any number.

        Returns:
            Ids of the other ends by id.
        """
        found: dict[str, list[str]] = {}
        for link in self._client.associations(from_type, to_type, ids):
            found.setdefault(link["from_id"], []).append(link["to_id"])
        return found

    def associate(
        self, from_type: str, to_type: str, type_id: int, pairs: Sequence[tuple[str, str]]
    ) -> Iterator[list[RowResult]]:
        """Link objects with a type that HubSpot defines; a link that is there stays as it is.

        Args:
            from_type: such as ``tasks``.
            to_type: such as ``companies``.
            type_id: HubSpot's number of the type of link.
            pairs: ids of both ends.

        Yields:
            The results of each call of at most 100 rows, ``from:to`` as key.
        """
        path = self._client.path("associations", f"{from_type}/{to_type}/batch/create")
        kind = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}
        rows = [
            (f"{from_id}:{to_id}", {"from": {"id": from_id}, "to": {"id": to_id}, "types": [kind]})
            for from_id, to_id in pairs
        ]
        return self._write(path, rows, _linked_ids, traced=False)

    def _created(self, path: str, body: Json) -> bool:
        # Repeating is harmless: what the first, unanswered try created is refused with 409.
        try:
            self._client.http.post(path, body, repeatable=True)
        except RejectedError as error:
            if error.status == 409:
                return False
            raise
        return True

    def _write(
        self,
        path: str,
        rows: Rows,
        key_of: Callable[[Json], str | None],
        *,
        traced: bool = True,
        repeatable: bool = True,
    ) -> Iterator[list[RowResult]]:
        for part in chunks(rows, BATCH):
            budget = MOST_SPLITS
            waiting = [part]
            while waiting:
                batch = waiting.pop(0)
                budget -= 1
                results = self._write_batch(
                    path, batch, key_of, traced, may_split=budget > 0, repeatable=repeatable
                )
                if results is None:
                    middle = len(batch) // 2
                    waiting += [batch[:middle], batch[middle:]]
                else:
                    yield results

    def _write_batch(
        self,
        path: str,
        rows: Rows,
        key_of: Callable[[Json], str | None],
        traced: bool,
        *,
        may_split: bool,
        repeatable: bool,
    ) -> list[RowResult] | None:
        """Write one batch; None when it is refused as a whole and should be split."""
        inputs = [
            {**body, "objectWriteTraceId": str(index)} if traced else body
            for index, (_, body) in enumerate(rows)
        ]
        try:
            # Every write but a creation says what to be, not what to change: doing it twice does no harm.
            _, answer = self._client.http.post(path, {"inputs": inputs}, repeatable=repeatable)
        except RejectedError as error:
            if len(rows) > 1 and may_split:
                return None
            return [RowResult(key, ok=False, error=error.message) for key, _ in rows]
        return _row_results(rows, answer, key_of)


def _option(found: Mapping[str, Any]) -> Json:
    """Return an option as HubSpot takes it back; what it answers beyond that it refuses or ignores."""
    return {
        name: found[name]
        for name in ("value", "label", "description", "displayOrder", "hidden")
        if name in found
    }


def _row_results(rows: Rows, answer: Json, key_of: Callable[[Json], str | None]) -> list[RowResult]:
    """Tie results and errors of one answer to the rows sent, by trace id, otherwise by key."""
    keys = [key for key, _ in rows]
    written: dict[str, Json] = {}
    for result in answer.get("results") or []:
        key = _traced_key(keys, result.get("objectWriteTraceId")) or key_of(result)
        if key is not None:
            written[key] = result
    refused: dict[str, str] = {}
    unsaid = UNSAID
    for error in answer.get("errors") or []:
        message = str(error.get("message", UNSAID))
        blamed = _blamed(keys, error)
        refused |= dict.fromkeys(blamed, message)
        unsaid = unsaid if blamed else message
    return [_row_result(key, written.get(key), refused.get(key), unsaid) for key in keys]


def _row_result(key: str, result: Json | None, error: str | None, unsaid: str) -> RowResult:
    if error is not None or result is None:
        return RowResult(key, ok=False, error=error or unsaid)
    return RowResult(key, ok=True, object_id=_written_id(result))


def _traced_key(keys: Sequence[str], trace: object) -> str | None:
    position = int(trace) if isinstance(trace, str) and trace.isdecimal() else len(keys)
    return keys[position] if position < len(keys) else None


def _blamed(keys: Sequence[str], error: Json) -> list[str]:
    """Keys that an error is about: by trace id, by ids, or by both ends of a link."""
    context = error.get("context") or {}
    traced = [_traced_key(keys, trace) for trace in context.get("objectWriteTraceId") or []]
    ends = zip(context.get("fromObjectId") or [], context.get("toObjectId") or [], strict=False)
    named = {*traced, *(context.get("ids") or []), *(context.get("id") or []), *(f"{a}:{b}" for a, b in ends)}
    return [key for key in keys if key in named]


def _written_id(result: Json) -> str | None:
    id_ = result.get("id")
    return None if id_ is None else str(id_)


def _linked_ids(result: Json) -> str | None:
    from_id = result.get("fromObjectId") or (result.get("from") or {}).get("id")
    to_id = result.get("toObjectId") or (result.get("to") or {}).get("id")
    return f"{from_id}:{to_id}"
