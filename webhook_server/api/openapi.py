"""The API's OpenAPI 3.1 document, made from the routes' own declarations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any, Final

from webhook_server.api import other_routes, schemas, writes
from webhook_server.api.declared import Parameter, Route

PREFIX: Final = "/api/v1"
_EVERYWHERE: Final = (400, 401, 403, 429)
_SAID: Final[Mapping[int, str]] = {
    304: "It is as it was.",
    400: "A parameter is unknown or wrong.",
    401: "The token is missing, unknown, revoked or expired.",
    403: "The token lacks the scope.",
    404: "There is none with this id.",
    409: "A person must decide: there is no run yet, the plan is stale, or a guard stands in the way.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    429: "Too many requests; Retry-After says when to come back.",
    502: "HubSpot refused or did not answer.",
    503: "The tables are in use or cannot be read; Retry-After says when to come back.",
}
_ERROR: Final = {"$ref": "#/components/schemas/Error"}


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """Return the OpenAPI document of the routes, and of those outside the API."""
    paths = other_routes.paths()
    for route in routes:
        paths.setdefault(PREFIX + route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "saaskpi",
            "version": version("saaskpi"),
            "description": "Accounts, MRR, health and key figures as the command line lists them. Money is "
            "integer minor units of the currency beside it, times are UTC.",
        },
        "paths": paths,
        "components": {
            "schemas": {"Error": schemas.ERROR, **writes.components()},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                **other_routes.SECURITY_SCHEMES,
            },
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    operation = {
        "operationId": route.name,
        "summary": route.summary,
        "description": f"Scope: {route.scope}.",
        "security": [{"token": [route.scope]}],
        "parameters": [
            *(_parameter(parameter, "path") for parameter in route.path_parameters),
            *(_parameter(parameter, "query") for parameter in route.parameters),
        ],
        "responses": _responses(route),
    }
    if route.body is not None:
        content = {"application/json": {"schema": route.body}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _parameter(parameter: Parameter, where: str) -> dict[str, Any]:
    schema = dict(parameter.schema)
    if parameter.default is not None:
        schema["default"] = parameter.default
    return {
        "name": parameter.name,
        "in": where,
        "required": where == "path",
        "description": parameter.description,
        "schema": schemas.of_array(schema) if parameter.many else schema,
    }


def _responses(route: Route) -> dict[str, Any]:
    content = {"application/json": {"schema": route.schema}}
    if route.is_list:
        content["text/csv"] = {"schema": {"type": "string"}}
    answers: dict[str, Any] = {str(route.status): {"description": route.summary, "content": content}}
    if route.is_versioned:
        answers["304"] = {"description": _SAID[304]}
    failures = {*_EVERYWHERE, *route.errors, *((409, 503) if route.is_versioned else ())}
    for status in sorted(failures):
        failed = {"application/json": {"schema": _ERROR}}
        answers[str(status)] = {"description": _SAID[status], "content": failed}
    return answers
