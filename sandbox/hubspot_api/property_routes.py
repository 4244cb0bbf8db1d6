"""``/crm/properties``: property definitions and their groups."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from flask import Flask, Response

from sandbox.crm.definitions import (
    FIELD_TYPES,
    MAX_CUSTOM,
    MAX_UNIQUE,
    Catalog,
    Group,
    Option,
    PropertyDefinition,
)
from sandbox.crm.object_types import ObjectType
from sandbox.crm.times import iso
from sandbox.hubspot_api.api import Api, Json, answer, body, flag, inputs, no_content, object_type, text
from sandbox.hubspot_api.batch import MOST_INPUTS, batch_answer
from sandbox.hubspot_api.errors import ApiError, bad_request, not_found

_NAME = re.compile(r"[a-z][a-z0-9_]{0,249}\Z")
_YES_NO = (Option("Yes", "true", 0), Option("No", "false", 1))
_CHANGEABLE = {"label": "label", "description": "description", "groupName": "group", "hidden": "hidden"}


def register(app: Flask, api: Api) -> None:
    """Add the routes."""
    base = "/crm/properties/<version:_version>/<type_name>"
    _register_groups(app, api, f"{base}/groups")
    _register_batches(app, api, f"{base}/batch")

    @app.get(base)
    def list_properties(_version: str, type_name: str) -> Response:
        catalog = _catalog(api, type_name, "read")[1]
        found = catalog.all_archived() if flag("archived") else catalog.live()
        return answer({"results": [shown(definition) for definition in found]})

    @app.get(f"{base}/<name>")
    def get_property(_version: str, type_name: str, name: str) -> Response:
        catalog = _catalog(api, type_name, "read")[1]
        return answer(shown(_existing(catalog, name, archived=flag("archived"))))

    @app.post(base)
    def create_property(_version: str, type_name: str) -> Response:
        kind, _ = _catalog(api, type_name, "write")
        return answer(shown(_create(api, kind, body())), 201)

    @app.patch(f"{base}/<name>")
    def update_property(_version: str, type_name: str, name: str) -> Response:
        _, catalog = _catalog(api, type_name, "write")
        changed = _changed(catalog, _existing(catalog, name), body(), api.crm.now())
        catalog.add([changed])
        return answer(shown(changed))

    @app.delete(f"{base}/<name>")
    def archive_property(_version: str, type_name: str, name: str) -> Response:
        _, catalog = _catalog(api, type_name, "write")
        _archive(api, catalog, name)
        return no_content()


def _register_batches(app: Flask, api: Api, base: str) -> None:
    @app.post(f"{base}/create")
    def create_properties(_version: str, type_name: str) -> Response:
        kind, _ = _catalog(api, type_name, "write")
        started, results, errors = api.crm.now(), [], []
        for given in inputs(body(), MOST_INPUTS):
            try:
                results.append(shown(_create(api, kind, given)))
            except ApiError as refused:
                errors.append(refused.row({"name": [str(given.get("name"))]}))
        return batch_answer(api, results, errors, started, 201)

    @app.post(f"{base}/read")
    def read_properties(_version: str, type_name: str) -> Response:
        _, catalog = _catalog(api, type_name, "read")
        given = body()
        started, results, errors = api.crm.now(), [], []
        for each in inputs(given, MOST_INPUTS):
            name = text(each, "name")
            try:
                found = _existing(catalog, name, archived=bool(given.get("archived")))
                results.append(shown(found))
            except ApiError as missing:
                errors.append(missing.row({"name": [name]}))
        return batch_answer(api, results, errors, started)

    @app.post(f"{base}/archive")
    def archive_properties(_version: str, type_name: str) -> Response:
        _, catalog = _catalog(api, type_name, "write")
        for each in inputs(body(), MOST_INPUTS):
            _archive(api, catalog, text(each, "name"))
        return no_content()


def _register_groups(app: Flask, api: Api, base: str) -> None:
    @app.get(base)
    def list_groups(_version: str, type_name: str) -> Response:
        catalog = _catalog(api, type_name, "read")[1]
        return answer({"results": [_group_shown(group) for group in catalog.groups.values()]})

    @app.get(f"{base}/<name>")
    def get_group(_version: str, type_name: str, name: str) -> Response:
        group = _catalog(api, type_name, "read")[1].groups.get(name)
        if group is None:
            raise not_found(f"Property group {name} does not exist")
        return answer(_group_shown(group))

    @app.post(base)
    def create_group(_version: str, type_name: str) -> Response:
        _, catalog = _catalog(api, type_name, "write")
        given = body()
        name, label = text(given, "name"), text(given, "label")
        _check_name(name)
        if name in catalog.groups:
            raise ApiError(409, f"A property group named '{name}' already exists.", "OBJECT_ALREADY_EXISTS")
        catalog.groups[name] = Group(name, label, _order(given))
        return answer(_group_shown(catalog.groups[name]), 201)


def _catalog(api: Api, type_name: str, access: str) -> tuple[ObjectType, Catalog]:
    kind = object_type(type_name)
    if kind.read_only and access == "write":
        raise ApiError(405, f"{kind.name} cannot be written through the API", "METHOD_NOT_ALLOWED")
    scope = kind.schema_scope if kind.schema_scope == "tickets" else f"{kind.schema_scope}.{access}"
    api.gate.require(scope)
    return kind, api.crm.catalogs[kind.name]


def shown(definition: PropertyDefinition) -> Json:
    """A definition as the API shows it."""
    own = not definition.hubspot_defined
    found: Json = {
        "name": definition.name,
        "label": definition.label,
        "type": definition.type,
        "fieldType": definition.field_type,
        "description": definition.description,
        "groupName": definition.group,
        "options": [_option_shown(option) for option in definition.options],
        "displayOrder": definition.display_order,
        "calculated": definition.calculated,
        "externalOptions": bool(definition.external),
        "hasUniqueValue": definition.unique,
        "hidden": definition.hidden,
        "hubspotDefined": definition.hubspot_defined,
        "modificationMetadata": {
            "archivable": own,
            "readOnlyDefinition": not own,
            "readOnlyOptions": not own,
            "readOnlyValue": definition.read_only,
        },
        "formField": definition.form_field,
        "dataSensitivity": "non_sensitive",
        "archived": definition.archived_at is not None,
        "createdAt": iso(definition.created_at),
        "updatedAt": iso(definition.updated_at),
    }
    if definition.external == "OWNER":
        found["referencedObjectType"] = "OWNER"
    if definition.archived_at is not None:
        found["archivedAt"] = iso(definition.archived_at)
    return found


def _option_shown(option: Option) -> Json:
    return {
        "label": option.label,
        "value": option.value,
        "description": option.description,
        "displayOrder": option.display_order,
        "hidden": option.hidden,
    }


def _group_shown(group: Group) -> Json:
    return {
        "name": group.name,
        "label": group.label,
        "displayOrder": group.display_order,
        "archived": False,
    }


def _existing(catalog: Catalog, name: str, *, archived: bool = False) -> PropertyDefinition:
    found = catalog.archived(name) if archived else catalog.get(name)
    if found is None:
        raise not_found(f"Property {name} does not exist")
    return found


def _create(api: Api, kind: ObjectType, given: Json) -> PropertyDefinition:
    catalog = api.crm.catalogs[kind.name]
    definition = _read(catalog, given, api.crm.now())
    if catalog.get(definition.name) is not None:
        message = f"A property named '{definition.name}' already exists."
        raise ApiError(409, message, "OBJECT_ALREADY_EXISTS", context={"name": [definition.name]})
    if catalog.custom_count() >= MAX_CUSTOM:
        raise bad_request(f"You have reached the limit of {MAX_CUSTOM} custom properties for {kind.name}")
    if definition.unique:
        _check_unique(api, kind, catalog)
        api.crm.add_unique_index(kind.name, definition.name)
    catalog.add([definition])
    return definition


def _read(catalog: Catalog, given: Json, now: int) -> PropertyDefinition:
    name, type_, field_type = text(given, "name"), text(given, "type"), text(given, "fieldType")
    group = text(given, "groupName")
    _check_name(name)
    if field_type not in FIELD_TYPES.get(type_, ()):
        raise bad_request(f"Field type {field_type!r} does not go with type {type_!r}", name=[name])
    if group not in catalog.groups:
        raise bad_request(f"Property group {group!r} does not exist", name=[name])
    unique = bool(given.get("hasUniqueValue"))
    if unique and type_ not in ("string", "number"):
        raise bad_request(f"Only text and number properties can have unique values, not {type_}", name=[name])
    return PropertyDefinition(
        name,
        text(given, "label"),
        type_,
        field_type,
        group,
        options=_options(type_, field_type, given),
        description=str(given.get("description") or ""),
        unique=unique,
        hidden=bool(given.get("hidden")),
        form_field=bool(given.get("formField")),
        display_order=_order(given),
        created_at=now,
        updated_at=now,
    )


def _options(type_: str, field_type: str, given: Json) -> tuple[Option, ...]:
    listed: Sequence[Any] = given.get("options") or ()
    if type_ == "bool":
        return _YES_NO
    if type_ != "enumeration":
        return ()
    if not listed:
        raise bad_request("An enumeration property needs options")
    found = tuple(_option(each) for each in listed)
    values = [option.value for option in found]
    labels = [option.label for option in found]
    if len(set(values)) < len(values) or len(set(labels)) < len(labels):
        raise bad_request("The values and labels of options must be unique")
    if field_type == "booleancheckbox" and set(values) != {"true", "false"}:
        raise bad_request("The options of a booleancheckbox must be true and false")
    return found


def _option(given: Any) -> Option:
    if not isinstance(given, Mapping):
        raise bad_request("Invalid input JSON: an option must be an object")
    label, value = text(given, "label"), text(given, "value")
    if ";" in value:
        raise bad_request(f"The value of an option must not contain a semicolon: {value}")
    return Option(label, value, _order(given), bool(given.get("hidden")), str(given.get("description") or ""))


def _check_name(name: str) -> None:
    if not _NAME.match(name):
        message = f"{name!r} is no valid name: lower-case letters, digits and underscores, a letter first"
        raise bad_request(message, name=[name])


def _order(given: Mapping[str, Any]) -> int:
    order = given.get("displayOrder")
    return order if isinstance(order, int) else -1


def _check_unique(api: Api, kind: ObjectType, catalog: Catalog) -> None:
    if kind.name == "tasks" and not api.settings.task_unique_property:
        raise bad_request("Properties with unique values are not supported for tasks")
    own = [name for name in catalog.unique_names() if not getattr(catalog.get(name), "hubspot_defined", True)]
    if len(own) >= MAX_UNIQUE:
        raise bad_request(f"You have reached the limit of {MAX_UNIQUE} unique properties for {kind.name}")


def _changed(catalog: Catalog, before: PropertyDefinition, given: Json, now: int) -> PropertyDefinition:
    if before.hubspot_defined:
        raise bad_request(f"{before.name} is defined by HubSpot and cannot be changed")
    if given.get("groupName", before.group) not in catalog.groups:
        raise bad_request(f"Property group {given['groupName']!r} does not exist", name=[before.name])
    changes = {field: given[name] for name, field in _CHANGEABLE.items() if name in given}
    if "options" in given:
        changes["options"] = _options(before.type, before.field_type, given)
    return replace(before, **changes, updated_at=now)


def _archive(api: Api, catalog: Catalog, name: str) -> None:
    definition = _existing(catalog, name)
    if definition.hubspot_defined:
        raise bad_request(f"{name} is defined by HubSpot and cannot be archived")
    catalog.archive(name, api.crm.now())
