"""Runs the server: HTTP, the worker and the scheduler in threads of one process, until it is told to stop."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

from waitress.server import create_server  # type: ignore[import-untyped]

from saaskpi.errors import UsageError
from webhook_server.app import LONGEST_BODY, create_app
from webhook_server.live import Live
from webhook_server.scheduler import Scheduler
from webhook_server.services import Services
from webhook_server.worker import Refresher, Worker

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

log = logging.getLogger(__name__)

CONNECTIONS: Final = 1000
"""Open at once; with waitress' default of 100, two hundred slow clients shut everybody out."""
CHANNEL_SECONDS: Final = 30
"""A connection on which nothing moves for so long is closed."""


def serve(
    services: Services,
    host: str,
    port: int,
    stop: threading.Event,
    listening: Callable[[str], None] = lambda url: None,
    refresh: Refresher | None = None,
) -> None:
    """Serve until ``stop`` is set, then end cleanly: requests are answered, claims given back.

    Args:
        services: what the parts share; stays open.
        host: the address to listen on.
        port: 0 takes a free one.
        stop: set by a signal or a test.
        listening: is told the URL once connections are taken.
        refresh: instead of a pipeline over the settings' home, for tests.

    Raises:
        UsageError: the address cannot be listened on, or a schedule is wrong.
        StoreError: the store cannot be opened.
    """
    live = Live(services)
    app = create_app(services, live)
    live.inbox.probe()
    worker, scheduler = Worker(live, refresh), Scheduler(services)
    if services.alerts:
        services.alerts.start()
    live.troubles.append(worker.trouble)
    with ExitStack() as running:
        # Ended in the reverse order, each whatever the others raise.
        running.callback(scheduler.stop)
        running.callback(worker.stop)
        url = running.enter_context(http(app, host, port, services.settings.server.threads))
        worker.start()
        scheduler.start()
        listening(url)
        stop.wait()


@contextmanager
def http(app: WSGIApplication, host: str, port: int, threads: int) -> Iterator[str]:
    """Serve an application from a thread of its own; gives its URL."""
    # A full queue of tasks is no trouble: requests wait their turn.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    server = create_server(
        app,
        sockets=[_bound(host, port)],
        threads=threads,
        connection_limit=CONNECTIONS,
        channel_timeout=CHANNEL_SECONDS,
        cleanup_interval=5,
        max_request_body_size=LONGEST_BODY,
        max_request_header_size=65_536,
        asyncore_use_poll=True,
        log_socket_errors=False,
        clear_untrusted_proxy_headers=True,
        ident="",  # nobody needs to know what answers
    )
    loop = threading.Thread(target=server.run, name="http", daemon=True)
    loop.start()
    try:
        yield f"http://{f'[{host}]' if ':' in host else host}:{server.effective_port}"
    finally:
        with contextlib.suppress(OSError):
            server.trigger.pull_trigger(lambda: _close(server))
        loop.join(timeout=15)


def _close(server: object) -> None:
    """Runs in the serving thread: no new connections, the requests at hand are answered."""
    server.task_dispatcher.shutdown(cancel_pending=True, timeout=10)  # type: ignore[attr-defined]
    for channel in list(server.active_channels.values()):  # type: ignore[attr-defined]
        channel.handle_close()
    server.close()  # type: ignore[attr-defined]


def _bound(host: str, port: int) -> socket.socket:
    """Bind here, so that a taken port is one clear error."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _unusable(host, port, error) from None
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        bound.close()
        raise _unusable(host, port, error) from None
    return bound


def _unusable(host: str, port: int, error: OSError) -> UsageError:
    return UsageError(
        f"The server cannot listen on {host}:{port}: {error.strerror or error}.",
        hint="Stop what listens there, or choose another with --host and --port.",
    )
