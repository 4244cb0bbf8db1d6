"""Serves an application over HTTP from a thread of this process."""

import contextlib
import logging
import socket
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Self

from waitress.server import create_server  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

HOST = "127.0.0.1"


def _listening(port: int) -> socket.socket:
    """Bind here: waitress leaks its socket when the port is taken."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((HOST, port))
    except OSError:
        bound.close()
        raise
    return bound


class Server:
    """One waitress server on the loopback interface; a context manager.

    Args:
        app: The WSGI application.
        port: 0 takes a free one; known after construction in ``url``.
        threads: Requests served at once; each hanging fault holds one.

    Raises:
        OSError: The port is taken.
    """

    def __init__(self, app: "WSGIApplication", port: int = 0, threads: int = 16) -> None:
        # A cut body and a dropped connection are faults on purpose, not worth a warning.
        logging.getLogger("waitress").setLevel(logging.ERROR)
        self._server = create_server(
            app,
            sockets=[_listening(port)],
            threads=threads,
            connection_limit=1000,
            channel_timeout=300,
            asyncore_use_poll=True,
            asyncore_loop_timeout=1,
            log_socket_errors=False,
            ident="",
        )
        self.url = f"http://{HOST}:{self._server.effective_port}"
        self._thread = threading.Thread(target=self._server.run, name=f"sandbox {self.url}", daemon=True)

    def start(self) -> Self:
        """Begin to answer; connections made since construction waited in the backlog."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop answering, close every connection and end the threads."""
        if self._thread.is_alive():
            # The serving thread may be awake already and have closed everything, the trigger included.
            with contextlib.suppress(OSError):
                self._server.trigger.pull_trigger(self._close)
            self._thread.join(timeout=10)
        else:
            self._close()

    def _close(self) -> None:
        """Runs in the serving thread, whose loop ends when nothing is left open."""
        self._server.task_dispatcher.shutdown(timeout=1)
        for channel in list(self._server.active_channels.values()):
            channel.handle_close()
        self._server.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
