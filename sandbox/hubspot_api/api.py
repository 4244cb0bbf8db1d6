"""What the handlers share: the CRM, the settings, and how requests are read and records are shown."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import msgspec
from flask import Response, request

from sandbox.crm import Crm
from sandbox.crm.object_types import ObjectType, resolve
from sandbox.crm.records import Change, Record
from sandbox.crm.times import iso
from sandbox.hubspot_api.errors import ApiError, bad_request
from sandbox.hubspot_api.gate import Gate
from sandbox.hubspot_api.settings import Settings

Json = dict[str, Any]
Show = Callable[[Record], Json]


@dataclass(frozen=True)
class Api:
    """The account behind the HTTP surface."""

    crm: Crm
    settings: Settings
    gate: Gate

    def kind(self, name: str, access: str) -> ObjectType:
        """The object type of a path, once the token's scope for it was checked.

        Args:
            name: Plural, singular or type id.
            access: "read" or "write".

        Raises:
            ApiError: 400 for an unknown type, 403 without the scope, 405 for writing what is read-only.
        """
        kind = object_type(name)
        scope = kind.scope if kind.scope == "tickets" else f"{kind.scope}.{access}"
        if access == "write" and kind.read_only:
            raise ApiError(405, f"{kind.name} cannot be written through the API", "METHOD_NOT_ALLOWED")
        self.gate.require(scope)
        return kind

    def shower(
        self,
        kind: ObjectType,
        names: Sequence[str],
        with_history: Sequence[str] = (),
        always: Sequence[str] | None = None,
    ) -> Show:
        """A function that shows a record with these properties (the type's defaults when none are named)."""
        read = self.crm.reader(
            kind, [*(names or kind.defaults), *(kind.always if always is None else always)]
        )
        history = [name for name in with_history if self.crm.catalogs[kind.name].get(name)]
        link = f"https://app-eu1.hubspot.com/contacts/{self.crm.portal_id}/record/{kind.type_id}/"

        def show(record: Record) -> Json:
            shown: Json = {
                "id": str(record.id),
                "properties": read(record),
                "createdAt": iso(record.created_at),
                "updatedAt": iso(record.updated_at),
                "archived": record.archived_at is not None,
                "url": f"{link}{record.id}",
            }
            if record.archived_at is not None:
                shown["archivedAt"] = iso(record.archived_at)
            if history:
                shown["propertiesWithHistory"] = {name: past_values(record, name) for name in history}
            return shown

        return show


def past_values(record: Record, name: str) -> list[Json]:
    """The values a property has had, newest first."""
    past = (record.history or {}).get(name)
    if past is None:
        value = record.properties.get(name)
        past = [] if value is None else [Change(value, record.created_at, "CRM_UI")]
    return [{"value": c.value, "timestamp": iso(c.at), "sourceType": c.source} for c in past]


def object_type(name: str) -> ObjectType:
    """The object type of that name.

    Raises:
        ApiError: 400, as HubSpot answers an unknown one.
    """
    kind = resolve(name)
    if kind is None:
        raise bad_request(f"Unable to infer object type from: {name}")
    return kind


def answer(body: Any, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(msgspec.json.encode(body), status, content_type="application/json;charset=utf-8")


def no_content() -> Response:
    """An empty 204."""
    return Response(status=204)


def body() -> Json:
    """The request's JSON object; fields that nobody knows are ignored later.

    Raises:
        ApiError: 400 when it is none.
    """
    try:
        found = msgspec.json.decode(request.get_data())
    except msgspec.DecodeError as broken:
        raise bad_request(f"Invalid input JSON on line 1, column 1: {broken}") from None
    if not isinstance(found, dict):
        raise bad_request(
            "Invalid input JSON on line 1, column 1: Cannot deserialize an object from an array"
        )
    return found


def inputs(found: Json, most: int) -> list[Json]:
    """The ``inputs`` of a batch body.

    Raises:
        ApiError: 400 when they are missing, no objects, none or too many.
    """
    listed = found.get("inputs")
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise bad_request("Invalid input JSON: 'inputs' must be a list of objects")
    if not listed:
        raise bad_request("'inputs' must not be empty")
    if len(listed) > most:
        raise bad_request(f"The number of inputs ({len(listed)}) is above the limit of {most} for a batch")
    return listed


def names(values: Iterable[Any]) -> list[str]:
    """Names from repeated or comma-separated parameters."""
    return [name.strip() for value in values for name in str(value).split(",") if name.strip()]


def text(found: Mapping[str, Any], name: str) -> str:
    """A required text (or number) of a body.

    Raises:
        ApiError: 400 when it is missing.
    """
    value = found.get(name)
    if not isinstance(value, str | int) or value == "":
        raise bad_request(f"Some required fields were not set: [{name}]", missingFields=[name])
    return str(value)


def properties_of(found: Mapping[str, Any]) -> dict[str, str]:
    """The ``properties`` to write; numbers and booleans become text, as HubSpot reads them.

    Raises:
        ApiError: 400 when they are no object or hold lists, objects or nulls.
    """
    given = found.get("properties")
    if not isinstance(given, dict):
        raise bad_request("Some required fields were not set: [properties]", missingFields=["properties"])
    values: dict[str, str] = {}
    for name, value in given.items():
        if isinstance(value, bool):
            values[name] = str(value).lower()
        elif isinstance(value, str | int | float):
            values[name] = str(value)
        else:
            raise bad_request(f"Invalid input JSON: properties.{name} must be a string")
    return values


def flag(name: str) -> bool:
    """A boolean query parameter, false when absent."""
    return request.args.get(name, "false").lower() == "true"


def limit(default: int, most: int) -> int:
    """The ``limit`` query parameter.

    Raises:
        ApiError: 400 when it is no number from 1 to ``most``.
    """
    given = request.args.get("limit", str(default))
    if not given.isdigit() or not 1 <= int(given) <= most:
        raise bad_request(f"limit must be a number from 1 to {most}, not {given}")
    return int(given)


def after() -> int:
    """The ``after`` query parameter, 0 when absent.

    Raises:
        ApiError: 400 when it is no cursor of ours.
    """
    given = request.args.get("after", "0")
    if not given.isdigit():
        raise bad_request(f"The paging cursor {given} is not valid")
    return int(given)


def paging(cursor: str) -> Json:
    """The ``paging`` of a page that has a next one."""
    arguments = {**request.args.to_dict(flat=False), "after": [cursor]}
    query = urlencode({name: ",".join(values) for name, values in arguments.items()}, safe=",")
    link = f"https://api.hubapi.com{request.path}?{query}"
    return {"next": {"after": cursor, "link": link}}
