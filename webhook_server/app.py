"""The web application: webhooks in, the API, and what a monitor asks.

Every answer that is no success is JSON ``{"error", "hint"}``, from the first byte that cannot be read to a
full disk; nothing of a request or of a failure's inside is shown.
"""

from __future__ import annotations

import logging
from typing import Final

from flask import Flask, Response
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException

from saaskpi.errors import StoreError
from webhook_server import api, watch, webhooks
from webhook_server.answers import failed
from webhook_server.live import Live
from webhook_server.services import Services

log = logging.getLogger(__name__)

LONGEST_BODY: Final = 1_000_000
"""Bytes; Stripe and HubSpot send far less."""
_HINTS: Final = {
    404: "Webhooks go to /webhooks/stripe and /webhooks/hubspot; GET /api/v1/openapi.json lists the others.",
    405: "The header Allow names the methods that this address takes.",
    413: "Send less at once.",
}
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def create_app(services: Services, live: Live | None = None) -> Flask:
    """Build the application.

    Args:
        services: what the parts of the server share.
        live: of the running server; None for one that has no worker.
    """
    app = Flask("saaskpi", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LONGEST_BODY
    app.json.sort_keys = False  # type: ignore[attr-defined]  # Flask's default provider has it
    live = live or Live(services)
    app.register_blueprint(watch.create_blueprint(live))
    app.register_blueprint(webhooks.create_blueprint(live))
    app.register_blueprint(api.create_blueprint(services))
    _handle_errors(app)

    @app.after_request
    def protect(response: Response) -> Response:
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    return app


def _handle_errors(app: Flask) -> None:
    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> Response:
        answer = failed(error.code or 500, f"{error.name}.", _HINTS.get(error.code or 500, ""))
        if error.response is not None:
            return answer
        kept = [(k, v) for k, v in error.get_headers() if k.lower() not in ("content-type", "content-length")]
        answer.headers.extend(kept)
        return answer

    @app.errorhandler(StoreError)
    @app.errorhandler(SQLAlchemyError)
    def busy(error: Exception) -> Response:
        # Our own failure: the sender must try again, so it is never a 4xx.
        log.error("the store failed: %s", error if isinstance(error, StoreError) else type(error).__name__)
        return failed(503, "The store cannot be used right now.", "Send it again later.")

    @app.errorhandler(Exception)
    def broken(error: Exception) -> Response:
        log.exception("a request failed: %s", type(error).__name__)
        return failed(500, "Something went wrong here.", "It was logged; send it again later.")
