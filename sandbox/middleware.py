"""Puts the request log and the faults around a vendor's application, below Flask."""

import json
import threading
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from io import BytesIO
from typing import TYPE_CHECKING, Any

from flask import Flask

from sandbox.faults import Effect, Faults, FaultyAnswer
from sandbox.request_log import Exchange, RequestLog

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class DroppedConnectionError(ConnectionError):
    """Tells the server to close the connection without another byte."""


def instrument(app: Flask, vendor: str, log: RequestLog, faults: Faults) -> Flask:
    """Log every request to ``app`` and let ``faults`` spoil it.

    Args:
        app: The vendor's application; its ``wsgi_app`` is wrapped in place.
        vendor: "stripe" or "hubspot".
        log: Where the exchanges go.
        faults: The rules, shared by both vendors.

    Returns:
        The same application.
    """
    app.wsgi_app = _Instrumented(app.wsgi_app, vendor, log, faults)  # type: ignore[method-assign]
    return app


def one_at_a_time(app: Flask, lock: "threading.RLock") -> Flask:
    """Let ``app`` answer one request at a time, and none while another holder of ``lock`` is at work."""
    inner = app.wsgi_app

    def locked(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        with lock:
            return inner(environ, start_response)

    app.wsgi_app = locked  # type: ignore[method-assign]
    return app


class _Instrumented:
    def __init__(self, app: "WSGIApplication", vendor: str, log: RequestLog, faults: Faults) -> None:
        self._app = app
        self._vendor = vendor
        self._log = log
        self._faults = faults

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        body = _read_body(environ)
        effect = self._faults.apply(self._vendor, environ["REQUEST_METHOD"], path)
        if effect.drop:
            self._record(environ, body, 0, b"")
            self._faults.pause(effect.wait)
            raise DroppedConnectionError("The fault 'hang' closed this connection")
        self._faults.pause(effect.wait)
        status, headers, answer = self._answer(environ, effect.answer)
        self._record(environ, body, int(status[:3]), answer)
        start_response(status, headers)
        return self._cut(answer, effect) if effect.cut else [answer]

    def _answer(
        self, environ: "WSGIEnvironment", faulty: FaultyAnswer | None
    ) -> tuple[str, list[tuple[str, str]], bytes]:
        if faulty is not None:
            return _faulty(faulty)
        started: list[Any] = []

        def start(status: str, headers: list[tuple[str, str]], _exc_info: Any = None, /) -> Any:
            started[:] = [status, headers]

        chunks = self._app(environ, start)
        try:
            answer = b"".join(chunks)
        finally:
            if hasattr(chunks, "close"):
                chunks.close()
        return started[0], started[1], answer

    def _record(self, environ: "WSGIEnvironment", body: bytes, status: int, answer: bytes) -> None:
        headers = {
            name[5:].replace("_", "-").lower(): value
            for name, value in environ.items()
            if name.startswith("HTTP_") and name != "HTTP_AUTHORIZATION"
        }
        path, query = environ.get("PATH_INFO", ""), environ.get("QUERY_STRING", "")
        method = environ["REQUEST_METHOD"]
        self._log.add(Exchange(self._vendor, method, path, query, headers, body, status, answer))

    def _cut(self, answer: bytes, effect: Effect) -> Iterator[bytes]:
        yield answer[: len(answer) // 2]
        self._faults.pause(effect.cut_wait)
        raise DroppedConnectionError("The fault 'cut' closed this connection")


def _read_body(environ: "WSGIEnvironment") -> bytes:
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body: bytes = environ["wsgi.input"].read(length) if length else b""
    environ["wsgi.input"] = BytesIO(body)
    return body


def _faulty(answer: FaultyAnswer) -> tuple[str, list[tuple[str, str]], bytes]:
    body = json.dumps(answer.body).encode()
    try:
        phrase = HTTPStatus(answer.status).phrase
    except ValueError:
        phrase = "Unknown"
    headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), **answer.headers}
    return f"{answer.status} {phrase}", list(headers.items()), body
