"""The API under ``/api/v1``: what the command line lists, and plan and apply."""

from __future__ import annotations

from flask import Blueprint

from webhook_server.api.access import Gate
from webhook_server.services import Services


def create_blueprint(services: Services) -> Blueprint:
    """Return the API's routes over one server's services.

    The application that registers it gets the gate that :func:`webhook_server.api.access.requires` asks.
    """
    api = Blueprint("api", __name__, url_prefix="/api/v1")
    gate = Gate(services)
    api.record_once(lambda state: gate.keep(state.app))
    return api
