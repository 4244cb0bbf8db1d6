"""The read API under ``/api/v1``: what the command line lists, and plan and apply."""

from __future__ import annotations

from flask import Blueprint

from webhook_server.services import Services


def create_blueprint(services: Services) -> Blueprint:
    """Return the API's routes over one server's services."""
    del services
    return Blueprint("api", __name__, url_prefix="/api/v1")
