"""What a monitor asks: alive, ready, and the numbers."""

from __future__ import annotations

from flask import Blueprint, Response

from saaskpi.errors import StoreError
from webhook_server.answers import answer
from webhook_server.api.access import requires
from webhook_server.live import Live
from webhook_server.metrics import CONTENT_TYPE


def create_blueprint(live: Live) -> Blueprint:
    """Return ``/healthz``, ``/readyz`` and ``/metrics``."""
    watch = Blueprint("watch", __name__)

    @watch.get("/healthz")
    def healthz() -> Response:
        return answer({"status": "ok"})

    @watch.get("/readyz")
    def readyz() -> Response:
        told = [*(ask() for ask in live.troubles), _store_trouble(live)]
        troubles = [trouble for trouble in told if trouble]
        body = {"status": "not ready" if troubles else "ready", "troubles": troubles, **_lag(live)}
        return answer(body, 503 if troubles else 200)

    @watch.get("/metrics")
    @requires("metrics", limited=False)
    def metrics() -> Response:
        return Response(live.metrics.text(), content_type=CONTENT_TYPE)

    return watch


def _store_trouble(live: Live) -> str | None:
    try:
        live.inbox.probe()
    except StoreError:
        return "The store cannot be written."
    return None


def _lag(live: Live) -> dict[str, float | int]:
    try:
        counts = live.inbox.counts()
    except StoreError:
        return {}
    age = (live.services.now() - counts.oldest).total_seconds() if counts.oldest else 0.0
    return {"waiting": counts.waiting, "dead": counts.dead, "lag_seconds": round(max(age, 0.0), 3)}
