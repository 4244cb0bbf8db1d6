"""The API under ``/api/v1``: what the command line lists, and plan and apply."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import Final

from flask import Blueprint, Response, g, request

from saaskpi.errors import SaaskpiError
from webhook_server.answers import failed
from webhook_server.api import lists, openapi, writes
from webhook_server.api.access import Gate, requires
from webhook_server.api.answering import document, refused, tag_of, tagged, unchanged
from webhook_server.api.declared import Asked, Route
from webhook_server.api.home import Home
from webhook_server.api.parameters import parse
from webhook_server.services import Services

LONGEST_BODY: Final = 10_000
"""Bytes; what is sent here is a hash and a few numbers."""
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def _document(asked: Asked) -> Response:
    del asked
    return document(openapi.document(ROUTES))


ROUTES: Final = (
    *lists.ROUTES,
    *writes.ROUTES,
    Route("GET", "/openapi.json", "read", "Return this document.", _document, {"type": "object"}),
)


def create_blueprint(services: Services) -> Blueprint:
    """Return the API's routes over one server's services.

    The application that registers it gets the gate that :func:`webhook_server.api.access.requires` asks, and
    every answer of it a request id.
    """
    api = Blueprint("api", __name__, url_prefix=openapi.PREFIX)
    gate, home = Gate(services), Home(services)
    api.record_once(lambda state: gate.keep(state.app))
    api.before_app_request(_begin)
    api.after_app_request(_end)
    for route in ROUTES:
        api.add_url_rule(
            re.sub(r"{(\w+)}", r"<\1>", route.path),
            route.name,
            _served(route, home),
            methods=[route.method],
            provide_automatic_options=False,  # it would answer strangers
        )
    return api


def _served(route: Route, home: Home) -> Callable[..., Response]:
    @requires(route.scope)
    def serve(**path: str) -> Response:
        request.max_content_length = LONGEST_BODY
        if (request.content_length or 0) > LONGEST_BODY:
            return failed(413, f"The body is longer than {LONGEST_BODY} bytes.")
        try:
            return _answer(route, Asked(home, {**parse(route.parameters, request.args), **path}))
        except SaaskpiError as error:
            return refused(error)

    return serve


def _answer(route: Route, asked: Asked) -> Response:
    if not route.is_versioned:
        return route.view(asked)
    tag = tag_of(asked)
    answer = unchanged(tag) or route.view(asked)
    return tagged(answer, tag) if answer.status_code == route.status else answer


def _begin() -> None:
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


def _end(response: Response) -> Response:
    response.headers["X-Request-ID"] = g.get("request_id", "")
    return response
