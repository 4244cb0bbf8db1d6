"""Associations between records: reading and writing in bulk, one by one, and their labels."""

from typing import Any

from flask import Flask, Response, request

from sandbox.crm.associations import AssociationType, Pair
from sandbox.crm.object_types import ObjectType
from sandbox.crm.records import Record
from sandbox.hubspot_api import writing
from sandbox.hubspot_api.api import (
    Api,
    Json,
    after,
    answer,
    body,
    inputs,
    limit,
    no_content,
    object_type,
    paging,
    text,
)
from sandbox.hubspot_api.batch import batch_answer
from sandbox.hubspot_api.errors import ApiError, bad_request, not_found

_MOST_READ = 1_000
_MOST_WRITTEN = 2_000


def register(app: Flask, api: Api) -> None:
    """Add the routes."""
    base = "/crm/associations/<version:_version>/<from_name>/<to_name>"
    _register_writes(app, api, f"{base}/batch")
    _register_labels(app, api, f"{base}/labels")
    _register_single(app, api, "/crm/objects/<version:_version>/<from_name>/<from_id>/associations")

    @app.post(f"{base}/batch/read")
    def read_associations(_version: str, from_name: str, to_name: str) -> Response:
        one, other = _pair(api, from_name, to_name, "read")
        started, results, errors = api.crm.now(), [], []
        for each in inputs(body(), _MOST_READ):
            from_id = text(each, "id")
            record = api.crm.find(one, from_id)
            page = _page(api, one, other, record, str(each.get("after") or "0")) if record else None
            if page is None:
                errors.append(_none_found(one, other, from_id))
            else:
                results.append({"from": {"id": from_id}, **page})
        return batch_answer(api, results, errors, started)


def _register_writes(app: Flask, api: Api, base: str) -> None:
    @app.post(f"{base}/create")
    def create_associations(_version: str, from_name: str, to_name: str) -> Response:
        one, other = _pair(api, from_name, to_name, "write")
        rows = inputs(body(), _MOST_WRITTEN)
        wanted = [[_spec(api, one, other, spec) for spec in _specs(row)] for row in rows]
        started, results, errors = api.crm.now(), [], []
        for row, kinds in zip(rows, wanted, strict=True):
            ends = _ends(api, one, other, row)
            if isinstance(ends, dict):
                errors.append(ends)
            else:
                results.append(_associate(api, one, other, ends, kinds))
        return batch_answer(api, results, errors, started, 201)

    @app.post(f"{base}/associate/default")
    def create_default_associations(_version: str, from_name: str, to_name: str) -> Response:
        one, other = _pair(api, from_name, to_name, "write")
        started, results, errors = api.crm.now(), [], []
        for row in inputs(body(), _MOST_WRITTEN):
            ends = _ends(api, one, other, row)
            if isinstance(ends, dict):
                errors.append(ends)
            else:
                results.extend(_associate_by_default(api, one, other, ends))
        return batch_answer(api, results, errors, started)

    _register_removals(app, api, base)


def _register_removals(app: Flask, api: Api, base: str) -> None:
    @app.post(f"{base}/archive")
    def archive_associations(_version: str, from_name: str, to_name: str) -> Response:
        one, other = _pair(api, from_name, to_name, "write")
        for row in inputs(body(), _MOST_WRITTEN):
            for target in row.get("to") or []:
                ends = _ends(api, one, other, {"from": row.get("from"), "to": target})
                if not isinstance(ends, dict):
                    api.crm.links.unlink((one.name, other.name), ends[0].id, ends[1].id)
        return no_content()

    @app.post(f"{base}/labels/archive")
    def archive_labels(_version: str, from_name: str, to_name: str) -> Response:
        one, other = _pair(api, from_name, to_name, "write")
        for row in inputs(body(), _MOST_WRITTEN):
            ends = _ends(api, one, other, row)
            for kind in (_spec(api, one, other, spec) for spec in _specs(row)):
                if not isinstance(ends, dict):
                    api.crm.links.unlink((one.name, other.name), ends[0].id, ends[1].id, kind.id)
        return no_content()


def _register_labels(app: Flask, api: Api, base: str) -> None:
    @app.get(base)
    def list_labels(_version: str, from_name: str, to_name: str) -> Response:
        one, other = _pair(api, from_name, to_name, "read")
        found = api.crm.links.types.get((one.name, other.name), [])
        return answer({"results": [_type_shown(kind) for kind in found]})

    @app.post(base)
    def create_label(_version: str, from_name: str, to_name: str) -> Response:
        one, other = _pair(api, from_name, to_name, "write")
        pair = (one.name, other.name)
        given = body()
        name, label = text(given, "name"), text(given, "label")
        if pair not in api.crm.links.types:
            raise bad_request(f"{one.name} and {other.name} cannot be associated")
        if any(kind.label == label for kind in api.crm.links.types[pair]):
            raise ApiError(409, f"The label '{label}' already exists", "OBJECT_ALREADY_EXISTS")
        there, _back = api.crm.links.add_label(pair, name, label)
        return answer({"results": [_type_shown(there)]})


def _register_single(app: Flask, api: Api, base: str) -> None:
    @app.get(f"{base}/<to_name>")
    def list_associations(_version: str, from_name: str, from_id: str, to_name: str) -> Response:
        one, other = _pair(api, from_name, to_name, "read")
        record = writing.locate(api, one, from_id, None)
        size = limit(api.settings.associations_page, api.settings.associations_page)
        page = _page(api, one, other, record, str(after()), size)
        if page is None:
            return answer({"results": []})
        found: Json = {"results": page["to"]}
        if "paging" in page:
            found["paging"] = paging(page["paging"]["next"]["after"])
        return answer(found)

    @app.put(f"{base}/default/<to_name>/<to_id>")
    def create_default(_version: str, from_name: str, from_id: str, to_name: str, to_id: str) -> Response:
        one, other = _pair(api, from_name, to_name, "write")
        ends = writing.locate(api, one, from_id, None), writing.locate(api, other, to_id, None)
        started = api.crm.now()
        return batch_answer(api, _associate_by_default(api, one, other, ends), [], started)

    @app.put(f"{base}/<to_name>/<to_id>")
    def create_labelled(_version: str, from_name: str, from_id: str, to_name: str, to_id: str) -> Response:
        one, other = _pair(api, from_name, to_name, "write")
        specs = request.get_json(silent=True)
        kinds = [_spec(api, one, other, spec) for spec in _specs({"types": specs})]
        ends = writing.locate(api, one, from_id, None), writing.locate(api, other, to_id, None)
        return answer(_associate(api, one, other, ends, kinds), 201)

    @app.delete(f"{base}/<to_name>/<to_id>")
    def delete_all(_version: str, from_name: str, from_id: str, to_name: str, to_id: str) -> Response:
        one, other = _pair(api, from_name, to_name, "write")
        ends = _ends(api, one, other, {"from": {"id": from_id}, "to": {"id": to_id}})
        if not isinstance(ends, dict):
            api.crm.links.unlink((one.name, other.name), ends[0].id, ends[1].id)
        return no_content()


Ends = tuple[Record, Record]


def _pair(api: Api, from_name: str, to_name: str, access: str) -> tuple[ObjectType, ObjectType]:
    one, other = object_type(from_name), object_type(to_name)
    for kind in (one, other):
        api.gate.require(kind.scope if kind.scope == "tickets" else f"{kind.scope}.{access}")
    return one, other


def _page(
    api: Api, one: ObjectType, other: ObjectType, record: Record, cursor: str, size: int | None = None
) -> Json | None:
    """One page of a record's associations, from the ``cursor``-th on; None when it has none."""
    pair = (one.name, other.name)
    kinds = {kind.id: kind for kind in api.crm.links.types.get(pair, ())}
    grouped: dict[int, list[Json]] = {}
    for to_id, type_id in api.crm.links.of(pair, record.id):
        grouped.setdefault(to_id, []).append(_type_shown(kinds[type_id]))
    if not grouped:
        return None
    if not cursor.isdigit():
        raise bad_request(f"The paging cursor {cursor} is not valid")
    start, size = int(cursor), size or api.settings.associations_page
    part = list(grouped.items())[start : start + size]
    found: Json = {"to": [{"toObjectId": str(to_id), "associationTypes": types} for to_id, types in part]}
    if start + size < len(grouped):
        found["paging"] = {"next": {"after": str(start + size)}}
    return found


def _type_shown(kind: AssociationType) -> Json:
    return {"category": kind.category, "typeId": kind.id, "label": kind.label}


def _none_found(one: ObjectType, other: ObjectType, from_id: str) -> Json:
    message = f"No {other.singular} is associated with {one.singular} {from_id}."
    error = ApiError(404, message, "OBJECT_NOT_FOUND", sub_category="crm.associations.NO_ASSOCIATIONS_FOUND")
    context = {"fromObjectId": [from_id], "fromObjectType": [one.singular], "toObjectType": [other.singular]}
    return error.row(context)


def _specs(row: Json) -> list[Json]:
    specs = row.get("types")
    if not isinstance(specs, list) or not specs or not all(isinstance(spec, dict) for spec in specs):
        raise bad_request("Some required fields were not set: [types]", missingFields=["types"])
    return specs


def _spec(api: Api, one: ObjectType, other: ObjectType, spec: Json) -> AssociationType:
    pair: Pair = (one.name, other.name)
    category, type_id = text(spec, "associationCategory"), text(spec, "associationTypeId")
    kind = api.crm.links.type_of(pair, int(type_id)) if type_id.isdigit() else None
    if kind is None or kind.category != category:
        message = f"{category} association type {type_id} is not valid from {one.type_id} to {other.type_id}"
        raise bad_request(message)
    return kind


def _ends(api: Api, one: ObjectType, other: ObjectType, row: Json) -> Ends | Json:
    """The two records of an input, or the error that says which is missing."""
    ids = [_end(row, name) for name in ("from", "to")]
    found = api.crm.find(one, ids[0]), api.crm.find(other, ids[1])
    if found[0] is not None and found[1] is not None:
        return found[0], found[1]
    kind, missing = (one, ids[0]) if found[0] is None else (other, ids[1])
    message = f"The {kind.singular} with id {missing} does not exist or was deleted."
    context = {"fromObjectId": [ids[0]], "toObjectId": [ids[1]]}
    return not_found(message).row(context)


def _end(row: Json, name: str) -> str:
    end: Any = row.get(name)
    if not isinstance(end, dict):
        raise bad_request(f"Some required fields were not set: [{name}]", missingFields=[name])
    return text(end, "id")


def _associate(
    api: Api, one: ObjectType, other: ObjectType, ends: Ends, kinds: list[AssociationType]
) -> Json:
    for kind in kinds:
        api.crm.links.link((one.name, other.name), ends[0].id, ends[1].id, kind)
    return {
        "fromObjectTypeId": one.type_id,
        "fromObjectId": str(ends[0].id),
        "toObjectTypeId": other.type_id,
        "toObjectId": str(ends[1].id),
        "labels": [kind.label for kind in kinds if kind.label is not None],
    }


def _associate_by_default(api: Api, one: ObjectType, other: ObjectType, ends: Ends) -> list[Json]:
    pair = (one.name, other.name)
    there, back = api.crm.links.default(pair), api.crm.links.default((pair[1], pair[0]))
    if there is None or back is None:
        raise bad_request(f"{one.name} and {other.name} cannot be associated")
    api.crm.links.link(pair, ends[0].id, ends[1].id)
    return [
        _default_shown(there, ends[0].id, ends[1].id),
        _default_shown(back, ends[1].id, ends[0].id),
    ]


def _default_shown(kind: AssociationType, from_id: int, to_id: int) -> Json:
    spec = {"associationCategory": kind.category, "associationTypeId": kind.id}
    return {"from": {"id": str(from_id)}, "to": {"id": str(to_id)}, "associationSpec": spec}
