"""HubSpot's CRM API over the simulated CRM, on the date-versioned paths."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import BaseConverter

from sandbox.crm import Crm
from sandbox.hubspot_api import (
    account_routes,
    association_routes,
    batch,
    objects,
    property_routes,
    search,
)
from sandbox.hubspot_api.api import Api, answer
from sandbox.hubspot_api.errors import ApiError, not_found
from sandbox.hubspot_api.gate import Gate
from sandbox.hubspot_api.settings import VERSIONS, Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

__all__ = ["Settings", "create_app"]


class _VersionConverter(BaseConverter):
    regex = "|".join(VERSIONS)


class _Application(Flask):
    """Handles one request at a time: whoever reads or writes holds the CRM's lock."""

    def __init__(self, crm: Crm) -> None:
        super().__init__(__name__)
        self._crm = crm

    def wsgi_app(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        with self._crm.lock:
            return super().wsgi_app(environ, start_response)


def create_app(crm: Crm, settings: Settings | None = None) -> Flask:
    """The application that answers for one HubSpot account.

    Args:
        crm: The account's records.
        settings: Key, scopes and limits; the defaults grant everything and limit as HubSpot does.

    Returns:
        A Flask application without a server; one lock makes requests wait for each other.
    """
    settings = settings or Settings()
    crm.search_lag_ms = int(settings.search_lag * 1000)
    api = Api(crm, settings, Gate(settings))
    app = _Application(crm)
    app.url_map.converters["version"] = _VersionConverter
    for part in (objects, batch, search, property_routes, association_routes, account_routes):
        part.register(app, api)
    _guard(app, api)
    return app


def _guard(app: Flask, api: Api) -> None:
    """Check each request, and word failures as HubSpot does."""

    @app.before_request
    def admit() -> None:
        uri = request.full_path if request.query_string else request.path
        if len(uri) > api.settings.url_limit:
            raise ApiError(414, "The request URI is too long", "REQUEST_URI_TOO_LONG")
        api.gate.authenticate(request.headers.get("Authorization"))
        search_path = request.path.endswith("/search")
        request.environ["sandbox.headers"] = api.gate.throttle(search=search_path)

    @app.after_request
    def add_limits(response: Response) -> Response:
        response.headers.extend(request.environ.get("sandbox.headers", {}))
        return response

    @app.errorhandler(ApiError)
    def refuse(error: ApiError) -> Response:
        return answer(error.body(), error.status)

    @app.errorhandler(HTTPException)
    def refuse_path(error: HTTPException) -> Response:
        status = error.code or 500
        if status == HTTPStatus.NOT_FOUND:
            return answer(not_found().body(), status)
        return answer(ApiError(status, error.name, error.name.upper().replace(" ", "_")).body(), status)
