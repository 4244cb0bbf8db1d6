"""``/crm/objects``: listing, reading and writing single records, merging and deleting for good."""

from collections.abc import Sequence

from flask import Flask, Response, request

from sandbox.crm.object_types import ObjectType
from sandbox.crm.records import Record
from sandbox.hubspot_api import writing
from sandbox.hubspot_api.api import (
    Api,
    Json,
    after,
    answer,
    body,
    flag,
    limit,
    names,
    no_content,
    object_type,
    paging,
    properties_of,
    text,
)
from sandbox.hubspot_api.errors import bad_request, not_found

_INLINE_ASSOCIATIONS = 100
_MERGEABLE = ("companies", "contacts", "deals", "tickets")


def register(app: Flask, api: Api) -> None:
    """Add the routes."""
    base = "/crm/objects/<version:_version>/<type_name>"

    @app.get(base)
    def list_objects(_version: str, type_name: str) -> Response:
        kind = api.kind(type_name, "read")
        with_history = names(request.args.getlist("propertiesWithHistory"))
        size = limit(10, 50 if with_history else 100)
        rows, more = api.crm.tables[kind.name].page(after(), size, archived=flag("archived"))
        show = api.shower(kind, names(request.args.getlist("properties")), with_history)
        found: Json = {"results": [_with_links(api, kind, row, show(row)) for row in rows]}
        if more:
            found["paging"] = paging(str(rows[-1].id))
        return answer(found)

    @app.get(f"{base}/<object_id>")
    def get_object(_version: str, type_name: str, object_id: str) -> Response:
        kind = api.kind(type_name, "read")
        archived = flag("archived")
        record = writing.locate(api, kind, object_id, request.args.get("idProperty"), archived=archived)
        wanted = names(request.args.getlist("properties"))
        show = api.shower(kind, wanted, names(request.args.getlist("propertiesWithHistory")))
        return answer(_with_links(api, kind, record, show(record)))

    @app.post(base)
    def create_object(_version: str, type_name: str) -> Response:
        kind = api.kind(type_name, "write")
        given = body()
        properties = properties_of(given)
        record = writing.create(api, kind, properties, writing.targets_of(api, kind, given))
        return answer(api.shower(kind, list(properties))(record), 201)

    @app.patch(f"{base}/<object_id>")
    def update_object(_version: str, type_name: str, object_id: str) -> Response:
        kind = api.kind(type_name, "write")
        properties = properties_of(body())
        record = writing.locate(api, kind, object_id, request.args.get("idProperty"))
        writing.check(api, kind, properties, record)
        api.crm.update(kind, record, properties)
        return answer(api.shower(kind, list(properties))(record))

    @app.delete(f"{base}/<object_id>")
    def archive_object(_version: str, type_name: str, object_id: str) -> Response:
        kind = api.kind(type_name, "write")
        record = api.crm.find(kind, object_id)
        if record is not None:
            api.crm.archive(kind, record)
        return no_content()

    _register_removals(app, api, base)


def _register_removals(app: Flask, api: Api, base: str) -> None:
    @app.post(f"{base}/merge")
    def merge_objects(_version: str, type_name: str) -> Response:
        kind = api.kind(type_name, "write")
        if kind.name not in _MERGEABLE:
            raise not_found()
        given = body()
        primary = writing.locate(api, kind, text(given, "primaryObjectId"), None)
        other = writing.locate(api, kind, text(given, "objectIdToMerge"), None)
        if primary is other:
            raise bad_request("Cannot merge an object with itself")
        return answer(api.shower(kind, ())(api.crm.merge(kind, primary, other)))

    @app.post(f"{base}/gdpr-delete")
    def privacy_delete(_version: str, type_name: str) -> Response:
        kind = api.kind(type_name, "write")
        given = body()
        id_property = given.get("idProperty")
        record = writing.locate(api, kind, text(given, "objectId"), id_property and str(id_property))
        api.crm.purge(kind, record)
        return no_content()


def _with_links(api: Api, kind: ObjectType, record: Record, shown: Json) -> Json:
    wanted = names(request.args.getlist("associations"))
    if wanted:
        shown["associations"] = {
            other.name: page
            for other in map(object_type, wanted)
            if (page := _inline(api, kind, other, record, shown)) is not None
        }
    return shown


def _inline(api: Api, kind: ObjectType, other: ObjectType, record: Record, shown: Json) -> Json | None:
    pair = (kind.name, other.name)
    links: Sequence[tuple[int, int]] = api.crm.links.of(pair, record.id)
    if not links:
        return None
    type_names = {association.id: association.name for association in api.crm.links.types[pair]}
    first = links[:_INLINE_ASSOCIATIONS]
    page: Json = {"results": [{"id": str(to_id), "type": type_names[type_id]} for to_id, type_id in first]}
    if len(links) > len(first):
        cursor = str(len(first))
        path = f"/crm/objects/2026-03/{kind.name}/{shown['id']}/associations/{other.name}"
        link = f"https://api.hubapi.com{path}?after={cursor}"
        page["paging"] = {"next": {"after": cursor, "link": link}}
    return page
