"""A whole server in a process of its own, that a test can kill."""

from __future__ import annotations

import multiprocessing
import socket
import threading
import time
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from typing import Any

from connectors.touched import Touched
from saaskpi.errors import UnavailableError
from saaskpi.settings import Settings
from sandbox.webhooks import stripe_headers
from tests.support.webhooks import STRIPE_SECRET
from webhook_server.services import Services
from webhook_server.serving import serve

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.support.serving", "tests.support.crash", "duckdb", "alembic.command"])


def _unavailable(touched: Touched) -> object:
    raise UnavailableError("Nobody answers.")


def _serve(settings: Settings, port: int, answering: bool) -> None:
    services = Services(settings, now=lambda: datetime.now(UTC))
    refresh = None if answering else _unavailable
    serve(services, "127.0.0.1", port, threading.Event(), refresh=refresh)


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


class ServerProcess:
    """``serve`` over settings in a child.

    Args:
        settings: of the server.
        answering: False lets every refresh fail as if no vendor answered: events stay where they are.
    """

    def __init__(self, settings: Settings, *, answering: bool = True) -> None:
        self.port = free_port()
        self._child: Any = _CONTEXT.Process(target=_serve, args=(settings, self.port, answering))

    def start(self, seconds: float = 60.0) -> ServerProcess:
        """Start it and wait until it answers."""
        self._child.start()
        deadline = time.monotonic() + seconds
        while self.get("/healthz") != 200:
            assert self._child.is_alive(), "the server ended"
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.02)
        return self

    def get(self, path: str) -> int:
        """Return the status of an answer, 0 without one."""
        return self._ask("GET", path, None, {})

    def post_stripe(self, body: bytes) -> int:
        """Send an event as Stripe does; return the status, 0 without an answer."""
        return self._ask("POST", "/webhooks/stripe", body, stripe_headers(STRIPE_SECRET, body, time.time()))

    def kill(self) -> None:
        """End it at once, as ``kill -9`` does."""
        self._child.kill()
        self._child.join()

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> int:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, headers)
            return connection.getresponse().status
        except (OSError, HTTPException):
            return 0
        finally:
            connection.close()
