"""Writes of one record each: what they check first, and how they fail."""

from collections.abc import Mapping
from typing import Any

from sandbox.crm.associations import AssociationType
from sandbox.crm.object_types import ENGAGEMENTS, ObjectType
from sandbox.crm.records import Record
from sandbox.crm.store import InvalidPropertiesError, UniqueConflictError
from sandbox.hubspot_api.api import Api, object_type, text
from sandbox.hubspot_api.errors import ApiError, bad_request, invalid_properties, not_found, unique_conflict

Target = tuple[ObjectType, int, AssociationType | None]

_NEEDS_ALL = {"tickets": ("hs_pipeline_stage",)} | dict.fromkeys(ENGAGEMENTS, ("hs_timestamp",))
_NEEDS_ONE = {"companies": ("name", "domain"), "contacts": ("email", "firstname", "lastname")}


def check(
    api: Api, kind: ObjectType, properties: Mapping[str, str], current: Record | None
) -> dict[str, str]:
    """The values that would be stored.

    Raises:
        ApiError: 400 (or 409 for a contact's e-mail) when they are refused.
    """
    try:
        clean = api.crm.check(kind, properties, current)
    except InvalidPropertiesError as refused:
        raise invalid_properties(refused, api.crm.portal_id) from None
    except UniqueConflictError as taken:
        raise unique_conflict(taken, kind, api.crm.portal_id) from None
    if current is None:
        _check_required(kind, clean)
    return clean


def _check_required(kind: ObjectType, clean: Mapping[str, str]) -> None:
    missing = [name for name in _NEEDS_ALL.get(kind.name, ()) if not clean.get(name)]
    one_of = _NEEDS_ONE.get(kind.name, ())
    if one_of and not any(clean.get(name) for name in one_of):
        missing = list(one_of)
    if missing:
        message = f"Error creating {kind.singular.upper()}. Some required properties were not set."
        raise bad_request(message, properties=missing)


def create(api: Api, kind: ObjectType, properties: Mapping[str, str], targets: list[Target]) -> Record:
    """Make a record and associate it."""
    check(api, kind, properties, None)
    record = api.crm.create(kind, properties)
    for other, other_id, association in targets:
        api.crm.links.link((kind.name, other.name), record.id, other_id, association)
    return record


def targets_of(api: Api, kind: ObjectType, given: Mapping[str, Any]) -> list[Target]:
    """The ``associations`` of a record to make.

    Raises:
        ApiError: 400 for one that is not well formed, has an unknown type or leads nowhere.
    """
    found: list[Target] = []
    for each in given.get("associations") or []:
        if not isinstance(each, dict) or not isinstance(each.get("to"), dict):
            raise bad_request("Invalid input JSON: an association needs 'to' and 'types'")
        to_id = text(each["to"], "id")
        found.extend(_target(api, kind, to_id, spec) for spec in each.get("types") or [])
    return found


def _target(api: Api, kind: ObjectType, to_id: str, spec: Mapping[str, Any]) -> Target:
    type_id = int(text(spec, "associationTypeId"))
    for pair, types in api.crm.links.types.items():
        association = next((t for t in types if t.id == type_id), None)
        if pair[0] == kind.name and association is not None:
            other = object_type(pair[1])
            record = api.crm.find(other, to_id)
            if record is None:
                raise bad_request(
                    f"The {other.singular} with id {to_id} to associate does not exist", ids=[to_id]
                )
            return other, record.id, association
    raise bad_request(f"associationTypeId {type_id} is not valid for {kind.type_id}")


def locate(
    api: Api, kind: ObjectType, value: str, id_property: str | None, *, archived: bool = False
) -> Record:
    """The record of an id, or of a value of a unique property.

    Raises:
        ApiError: 404 when there is none, 400 when the property is not unique.
    """
    if id_property is None or id_property == "hs_object_id":
        found = api.crm.find(kind, value, archived=archived)
    else:
        require_unique(api, kind, id_property)
        found = api.crm.find_unique(kind, id_property, value)
    if found is None:
        raise not_found()
    return found


def require_unique(api: Api, kind: ObjectType, id_property: str) -> None:
    """Refuse an ``idProperty`` whose values are not unique; ``hs_object_id`` counts as such.

    Raises:
        ApiError: 400.
    """
    if id_property not in api.crm.catalogs[kind.name].unique_names():
        raise ApiError(
            400,
            f"Unable to perform update/upsert by non-unique {kind.type_id} property {id_property} "
            f"in portal ID {api.crm.portal_id}",
        )
