"""``/crm/objects/.../search``: filters, one order, and the limits that make it no way to list everything."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from flask import Flask, Response

from sandbox.crm.definitions import PropertyDefinition
from sandbox.crm.object_types import ObjectType
from sandbox.crm.records import Record
from sandbox.crm.times import parse_instant
from sandbox.hubspot_api.api import Api, Json, answer, body, names, object_type
from sandbox.hubspot_api.errors import bad_request

MOST_RESULTS = 10_000
MOST_ON_PAGE = 200
_GROUPS, _IN_GROUP, _FILTERS = 5, 6, 18
_QUERY_LENGTH = 3_000
_QUERIED = {
    "companies": ("name", "domain", "website", "phone"),
    "contacts": ("firstname", "lastname", "email", "phone", "company"),
    "deals": ("dealname", "description"),
    "tickets": ("subject", "content"),
    "tasks": ("hs_task_subject", "hs_task_body"),
}

Test = Callable[[Record], bool]
Key = Decimal | int | str


def register(app: Flask, api: Api) -> None:
    """Add the route."""

    @app.post("/crm/objects/<version:_version>/<type_name>/search")
    def search(_version: str, type_name: str) -> Response:
        kind = api.kind(type_name, "read")
        return answer(_search(api, kind, body()))


def _search(api: Api, kind: ObjectType, given: Json) -> Json:
    size, start = _window(given)
    test = _test(api, kind, given)
    found = [record for record in api.crm.indexed(kind) if test(record)]
    _order(api, kind, found, given.get("sorts") or [])
    page = found[start : start + size]
    show = api.shower(kind, names(given.get("properties") or ()))
    result: Json = {"total": len(found), "results": [show(record) for record in page]}
    if start + size < len(found):
        result["paging"] = {"next": {"after": str(start + size)}}
    return result


def _window(given: Json) -> tuple[int, int]:
    size, start = _whole(given.get("limit"), 10), _whole(given.get("after"), 0)
    if not 1 <= size <= MOST_ON_PAGE:
        raise bad_request(f"limit must be a number from 1 to {MOST_ON_PAGE}")
    if start + size > MOST_RESULTS:
        message = f"Search requests can return at most {MOST_RESULTS:,} results in all; narrow the filters"
        raise bad_request(message)
    return size, start


def _whole(value: Any, default: int) -> int:
    if value is None or value == "":
        return default
    if isinstance(value, bool) or not str(value).isdigit():
        raise bad_request(f"Invalid input JSON: {value!r} is no whole number")
    return int(value)


def _test(api: Api, kind: ObjectType, given: Json) -> Test:
    groups = list(given.get("filterGroups") or [])
    if given.get("filters"):
        groups.append({"filters": given["filters"]})
    sizes = [len(group.get("filters") or []) for group in groups]
    if len(groups) > _GROUPS or max(sizes, default=0) > _IN_GROUP or sum(sizes) > _FILTERS:
        message = (
            f"At most {_GROUPS} filter groups of {_IN_GROUP} filters, {_FILTERS} filters in all, are allowed"
        )
        raise bad_request(message)
    any_of = [[_filter(api, kind, each) for each in group.get("filters") or []] for group in groups]
    in_text = _query(api, kind, str(given.get("query") or ""))

    def test(record: Record) -> bool:
        matches = not any_of or any(all(one(record) for one in group) for group in any_of)
        return matches and in_text(record)

    return test


def _query(api: Api, kind: ObjectType, query: str) -> Test:
    if len(query) > _QUERY_LENGTH:
        raise bad_request(f"query must not be longer than {_QUERY_LENGTH} characters")
    words = query.lower().split()
    read = api.crm.reader(kind, _QUERIED.get(kind.name, ()))

    def test(record: Record) -> bool:
        if not words:
            return True
        text = " ".join(value for value in read(record).values() if value).lower()
        return all(word in text for word in words)

    return test


def _filter(api: Api, kind: ObjectType, given: Mapping[str, Any]) -> Test:
    name, operator = str(given.get("propertyName", "")), str(given.get("operator", ""))
    if name.startswith("associations."):
        return _associated(api, kind, name.removeprefix("associations."), given)
    definition = api.crm.catalogs[kind.name].get(name)
    if definition is None:
        raise bad_request(f"There was a problem with the request: property {name!r} does not exist")
    read = api.crm.reader(kind, [name])
    if operator in ("HAS_PROPERTY", "NOT_HAS_PROPERTY"):
        wanted = operator == "HAS_PROPERTY"
        return lambda record: (read(record)[name] is not None) is wanted
    if operator not in _OPERATORS:
        raise bad_request(f"There was a problem with the request: unknown operator {operator!r}")
    operands = _operands(definition, operator, given)
    compare = _OPERATORS[operator]

    def test(record: Record) -> bool:
        value = read(record)[name]
        if value is None:
            return operator in ("NEQ", "NOT_IN", "NOT_CONTAINS_TOKEN")
        return compare(_key(definition, value), operands)

    return test


def _operands(definition: PropertyDefinition, operator: str, given: Mapping[str, Any]) -> list[Key]:
    if operator in ("IN", "NOT_IN"):
        values = given.get("values")
    elif operator == "BETWEEN":
        values = [given.get("value"), given.get("highValue")]
    else:
        values = [given.get("value")]
    if not isinstance(values, list) or not values or None in values:
        raise bad_request(
            f"There was a problem with the request: {operator} on {definition.name} lacks a value"
        )
    try:
        return [_key(definition, str(value)) for value in values]
    except InvalidOperation:
        raise bad_request(
            f"There was a problem with the request: {values} do not fit {definition.name}"
        ) from None


def _associated(api: Api, kind: ObjectType, other_name: str, given: Mapping[str, Any]) -> Test:
    pair = (kind.name, object_type(other_name).name)
    wanted = {str(value) for value in given.get("values") or [given.get("value")]}
    return lambda record: any(str(to_id) in wanted for to_id, _type in api.crm.links.of(pair, record.id))


def _key(definition: PropertyDefinition, value: str) -> Key:
    if definition.type == "number":
        return Decimal(value)
    if definition.type in ("date", "datetime"):
        at = parse_instant(value)
        return at if at is not None else Decimal(value)
    return value.lower()


_OPERATORS: dict[str, Callable[[Any, list[Any]], bool]] = {
    "EQ": lambda value, of: value == of[0],
    "NEQ": lambda value, of: value != of[0],
    "LT": lambda value, of: value < of[0],
    "LTE": lambda value, of: value <= of[0],
    "GT": lambda value, of: value > of[0],
    "GTE": lambda value, of: value >= of[0],
    "BETWEEN": lambda value, of: of[0] <= value <= of[1],
    "IN": lambda value, of: value in of,
    "NOT_IN": lambda value, of: value not in of,
    "CONTAINS_TOKEN": lambda value, of: _has_token(str(value), str(of[0])),
    "NOT_CONTAINS_TOKEN": lambda value, of: not _has_token(str(value), str(of[0])),
}


def _has_token(value: str, token: str) -> bool:
    if "*" in token:
        return token.strip("*") in value
    return token in "".join(each if each.isalnum() else " " for each in value).split() or token == value


def _order(api: Api, kind: ObjectType, found: list[Record], sorts: Sequence[Any]) -> None:
    """Order in place: by the one sort given, records without the value last; ties and the rest by id."""
    if len(sorts) > 1:
        raise bad_request("Only one sort can be applied to a search")
    if not sorts:
        return
    name, descending = _sort(sorts[0])
    definition = api.crm.catalogs[kind.name].get(name)
    if definition is None:
        raise bad_request(f"There was a problem with the request: property {name!r} does not exist")
    read = api.crm.reader(kind, [name])
    keys = {record.id: read(record)[name] for record in found}
    having = [record for record in found if keys[record.id] is not None]
    lacking = [record for record in found if keys[record.id] is None]
    having.sort(key=lambda record: _key(definition, keys[record.id] or ""), reverse=descending)
    found[:] = having + lacking


def _sort(given: Any) -> tuple[str, bool]:
    if isinstance(given, dict):
        return str(given.get("propertyName", "")), given.get("direction") == "DESCENDING"
    text = str(given)
    return text.lstrip("-"), text.startswith("-")
