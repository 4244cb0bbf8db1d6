"""Holds requests and answers against HubSpot's own models (those of the official ``hubspot-sdk``)."""

import json
import re
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any, Literal, Required, Union, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl

from hubspot_sdk import BaseModel
from hubspot_sdk._types import SequenceNotStr
from hubspot_sdk._utils import PropertyInfo
from hubspot_sdk.pagination import SyncPage
from hubspot_sdk.types import crm
from hubspot_sdk.types.account import PortalInformationResponse
from hubspot_sdk.types.crm import associations, associations_schema, objects, properties
from hubspot_sdk.types.crm.objects import companies as batches
from hubspot_sdk.types.shared import (
    CollectionResponsePropertyGroupNoPaging,
    ErrorData,
    Property,
    PropertyGroup,
    StandardError,
)
from pydantic import ValidationError
from typing_extensions import is_typeddict

from sandbox.request_log import Exchange

VERSION = r"/2026-0[39]"
TYPE = r"/[a-z0-9_-]+"
ID = r"/[^/]+"

OPTIONAL = {"associations", "properties", "propertiesWithHistory", "after", "limit", "sorts", "filters"}
"""Fields that the models call required although the API does not, nor its documentation."""
EXTRA = {"ErrorData": {"status", "policyName", "errorType"}, "PageNext": {"link"}}
"""Fields that the API answers although the models lack them."""


_DEFAULT_PARAMS = associations.batch_create_default_params.BatchCreateDefaultParams
_LABEL_PARAMS = associations.batch_delete_labels_params.BatchDeleteLabelsParams


@dataclass(frozen=True)
class Operation:
    """What the models say about one endpoint: its query, its body, its answer."""

    query: Any = None
    body: Any = None
    answer: Any = None


@cache
def _operations() -> list[tuple[str, re.Pattern[str], Operation]]:
    one, listed = crm.SimplePublicObject, crm.SimplePublicObjectWithAssociations
    batch, upserted = crm.BatchResponseSimplePublicObject, crm.BatchResponseSimplePublicUpsertObject
    found = crm.CollectionResponseWithTotalSimplePublicObject
    links = crm.BatchResponsePublicAssociationMultiWithLabel
    defaults = crm.BatchResponsePublicDefaultAssociation
    linked = crm.BatchResponseLabelsBetweenObjectPair
    labels = crm.CollectionResponseAssociationSpecWithLabelNoPaging
    defined, groups = crm.BatchResponseProperty, CollectionResponsePropertyGroupNoPaging
    o, p = f"/crm/objects{VERSION}{TYPE}", f"/crm/properties{VERSION}{TYPE}"
    a, s = f"/crm/associations{VERSION}{TYPE}{TYPE}", f"/crm/objects{VERSION}{TYPE}{ID}/associations"
    n, w = f"/crm/pipelines{VERSION}{TYPE}", f"/crm/owners{VERSION}"
    rows: list[tuple[str, str, Any, Any, Any]] = [  # method, path, query, body, answer
        ("POST", f"{o}/batch/read", None, batches.batch_get_params.BatchGetParams, batch),
        ("POST", f"{o}/batch/create", None, batches.batch_create_params.BatchCreateParams, batch),
        ("POST", f"{o}/batch/update", None, batches.batch_update_params.BatchUpdateParams, batch),
        ("POST", f"{o}/batch/upsert", None, batches.batch_upsert_params.BatchUpsertParams, upserted),
        ("POST", f"{o}/batch/archive", None, batches.batch_delete_params.BatchDeleteParams, None),
        ("POST", f"{o}/search", None, objects.CompanySearchParams, found),
        ("POST", f"{o}/merge", None, objects.CompanyMergeParams, one),
        ("POST", f"{o}/gdpr-delete", None, objects.ContactGdprDeleteParams, None),
        ("GET", o, objects.CompanyListParams, None, SyncPage[listed]),
        ("POST", o, None, objects.CompanyCreateParams, one),
        ("GET", f"{o}{ID}", objects.CompanyGetParams, None, listed),
        ("PATCH", f"{o}{ID}", objects.CompanyUpdateParams, objects.CompanyUpdateParams, one),
        ("DELETE", f"{o}{ID}", None, None, None),
        ("GET", f"{s}{TYPE}", crm.AssociationListParams, None, SyncPage[crm.MultiAssociatedObjectWithLabel]),
        ("PUT", f"{s}/default{TYPE}{ID}", None, None, defaults),
        ("PUT", f"{s}{TYPE}{ID}", None, None, crm.LabelsBetweenObjectPair),
        ("DELETE", f"{s}{TYPE}{ID}", None, None, None),
        ("POST", f"{a}/batch/read", None, associations.batch_get_params.BatchGetParams, links),
        ("POST", f"{a}/batch/create", None, associations.batch_create_params.BatchCreateParams, linked),
        ("POST", f"{a}/batch/associate/default", None, _DEFAULT_PARAMS, defaults),
        ("POST", f"{a}/batch/archive", None, associations.batch_delete_params.BatchDeleteParams, None),
        ("POST", f"{a}/batch/labels/archive", None, _LABEL_PARAMS, None),
        ("GET", f"{a}/labels", None, None, labels),
        ("POST", f"{a}/labels", None, associations_schema.LabelCreateLabelParams, labels),
        ("GET", f"{p}/groups", properties.GroupListParams, None, groups),
        ("POST", f"{p}/groups", None, properties.GroupCreateParams, PropertyGroup),
        ("GET", f"{p}/groups{ID}", None, None, PropertyGroup),
        ("POST", f"{p}/batch/create", None, properties.batch_create_params.BatchCreateParams, defined),
        ("POST", f"{p}/batch/read", None, properties.batch_get_params.BatchGetParams, defined),
        ("POST", f"{p}/batch/archive", None, properties.batch_delete_params.BatchDeleteParams, None),
        ("GET", p, crm.PropertyListParams, None, crm.CollectionResponsePropertyNoPaging),
        ("POST", p, None, crm.PropertyCreateParams, Property),
        ("GET", f"{p}{ID}", crm.PropertyGetParams, None, Property),
        ("PATCH", f"{p}{ID}", None, crm.PropertyUpdateParams, Property),
        ("DELETE", f"{p}{ID}", None, None, None),
        ("GET", w, crm.OwnerListParams, None, SyncPage[crm.PublicOwner]),
        ("GET", f"{w}{ID}", crm.OwnerGetParams, None, crm.PublicOwner),
        ("GET", n, None, None, crm.CollectionResponsePipelineNoPaging),
        ("GET", f"{n}{ID}", None, None, crm.Pipeline),
        ("GET", f"{n}{ID}/stages", None, None, crm.CollectionResponsePipelineStageNoPaging),
        ("GET", f"/account-info{VERSION}/details", None, None, PortalInformationResponse),
    ]
    return [(method, re.compile(f"{path}/?$"), Operation(*shapes)) for method, path, *shapes in rows]


def operation(method: str, path: str) -> Operation | None:
    """What the models say about a request; None when they know no such endpoint."""
    for known, pattern, found in _operations():
        if known == method and pattern.match(path):
            return found
    return None


@dataclass
class HubSpotModels:
    """Checks requests and answers; as an observer of the sandbox it gathers what is wrong.

    Attributes:
        violations: One sentence each, for the test to fail on.
        tolerant: While true, requests are not checked: for tests that send nonsense on purpose.
    """

    violations: list[str] = field(default_factory=list)
    tolerant: bool = False

    def check(
        self, method: str, path: str, request_body: Any, status: int, response_body: Any, query: str = ""
    ) -> list[str]:
        """Everything that is wrong with one exchange, one sentence each.

        Args:
            method: Such as "POST".
            path: Without the query.
            request_body: Decoded JSON, None when there was none.
            status: The answer's status.
            response_body: Decoded JSON, None when there was none.
            query: The raw query string.
        """
        found = operation(method, path)
        if found is None:
            return [] if status == 404 else [f"{method} {path}: no such endpoint"]
        errors = [] if self.tolerant else request_errors(found, request_body, query)
        errors += answer_errors(found, status, response_body)
        return [f"{method} {path}: {error}" for error in errors]

    def __call__(self, exchange: Exchange) -> None:
        """Observe one exchange of the sandbox."""
        if exchange.vendor != "hubspot" or exchange.status == 0:
            return
        self.violations += self.check(
            exchange.method,
            exchange.path,
            json.loads(exchange.body) if exchange.body else None,
            exchange.status,
            json.loads(exchange.answer) if exchange.answer else None,
            exchange.query_string,
        )


def request_errors(found: Operation, body: Any, query: str) -> list[str]:
    """What the models say against a request."""
    allowed = {"archived", *(_fields(found.query) if found.query else ())}
    errors = [f"unknown parameter {name}" for name, _ in parse_qsl(query) if name not in allowed]
    if found.body is not None:
        errors += [f"body{error}" for error in _misfits(found.body, body)]
    return errors


def answer_errors(found: Operation, status: int, body: Any) -> list[str]:
    """What the models say against an answer."""
    if status == 204:
        return [] if body is None else ["a 204 has a body"]
    if status >= 400:
        return _parsed(ErrorData, body)
    if found.answer is None:
        return ["the models know no answer"]
    body = dict(body)
    errors = []
    if status == 207:
        listed = body.pop("errors", [])
        if body.pop("numErrors", None) != len(listed):
            errors.append("numErrors is not the number of errors")
        errors += [error for each in listed for error in _parsed(StandardError, each)]
    return errors + _parsed(found.answer, body)


def _parsed(model: Any, body: Any) -> list[str]:
    try:
        parsed = model.model_validate_json(json.dumps(_without_nulls(body)), strict=True)
    except ValidationError as wrong:
        return [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in wrong.errors()[:5]]
    return list(_unknown(parsed))


def _without_nulls(body: Any) -> Any:
    """A property without a value is null in answers, which the models forget."""
    if isinstance(body, Mapping):
        return {name: _without_nulls(value) for name, value in body.items() if value is not None}
    return [_without_nulls(each) for each in body] if isinstance(body, list) else body


def _unknown(value: Any) -> Iterator[str]:
    """Fields of an answer that the models do not know."""
    if isinstance(value, BaseModel):
        name = type(value).__name__
        for extra in value.model_extra or {}:
            if extra not in EXTRA.get(name, ()):
                yield f"{name} has the unknown field {extra}"
        for inner in vars(value).values():
            yield from _unknown(inner)
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _unknown(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _unknown(inner)


@cache
def _fields(shape: Any) -> dict[str, tuple[Any, bool]]:
    """The fields of a request's shape by their names on the wire: type, and whether required."""
    return dict(_wire_field(name, hint) for name, hint in get_type_hints(shape, include_extras=True).items())


def _wire_field(name: str, hint: Any) -> tuple[str, tuple[Any, bool]]:
    required = False
    while get_origin(hint) in (Required, Annotated):
        if get_origin(hint) is Required:
            required, hint = True, get_args(hint)[0]
            continue
        aliases = [note.alias for note in hint.__metadata__ if isinstance(note, PropertyInfo) and note.alias]
        hint, name = get_args(hint)[0], aliases[0] if aliases else name
    return name, (hint, required and name not in OPTIONAL)


_PATH_FIELDS = {"fromObjectType", "objectType", "archived"}


def _misfits(shape: Any, value: Any, where: str = "") -> Iterator[str]:
    """Where a request's value does not fit its declared shape."""
    origin = get_origin(shape)
    if origin in (Required, Annotated):
        yield from _misfits(get_args(shape)[0], value, where)
    elif is_typeddict(shape):
        yield from _object_misfits(shape, value, where)
    elif origin in (Union, types.UnionType):
        if all(list(_misfits(each, value)) for each in get_args(shape)):
            yield f"{where} fits none of its alternatives"
    elif _is_list(origin):
        yield from _list_misfits(get_args(shape)[0], value, where)
    else:
        yield from _value_misfits(shape, origin, value, where)


def _is_list(origin: Any) -> bool:
    return origin is SequenceNotStr or origin in (list, Iterable)


def _list_misfits(shape: Any, value: Any, where: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{where} must be a list"
        return
    for place, each in enumerate(value):
        yield from _misfits(shape, each, f"{where}[{place}]")


def _value_misfits(shape: Any, origin: Any, value: Any, where: str) -> Iterator[str]:
    if origin is Literal:
        if value not in get_args(shape):
            yield f"{where} must be one of {get_args(shape)}, not {value!r}"
    elif origin is dict:
        if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
            yield f"{where} must map names to text"
    elif shape in (str, int, bool):
        if type(value) is not shape:
            yield f"{where} must be {shape.__name__}, not {type(value).__name__}"
    elif isinstance(shape, type) and issubclass(shape, BaseModel):
        yield from (f"{where}: {error}" for error in _parsed(shape, value))


def _object_misfits(shape: Any, value: Any, where: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where} must be an object"
        return
    fields = _fields(shape)
    for name, inner in value.items():
        if name not in fields:
            yield f"{where}.{name} is unknown"
        else:
            yield from _misfits(fields[name][0], inner, f"{where}.{name}")
    for name, (_, required) in fields.items():
        if required and name not in value and name not in _PATH_FIELDS:
            yield f"{where} lacks {name}"
