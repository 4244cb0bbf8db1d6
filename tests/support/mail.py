"""A mail server on this machine that keeps what it is sent."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage


@dataclass
class MailServer:
    """What came in; ``refuses`` answers every message with a failure."""

    port: int = 0
    messages: list[EmailMessage] = field(default_factory=list)
    receivers: list[str] = field(default_factory=list)
    refuses: bool = False


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """Run one until the block ends."""
    kept = MailServer()

    class Session(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._say("220 ready")
            for line in self.rfile:
                command = line.decode().strip()
                word = command[:4].upper()
                if word == "DATA":
                    self._data()
                elif word == "QUIT":
                    self._say("221 bye")
                    return
                else:
                    if word == "RCPT":
                        kept.receivers.append(command.partition("<")[2].rstrip(">"))
                    self._say("250 ok")

        def _data(self) -> None:
            self._say("354 go on")
            lines = iter(self.rfile.readline, b".\r\n")
            body = b"".join(line[1:] if line.startswith(b".") else line for line in lines)
            if kept.refuses:
                self._say("451 later")
                return
            parsed = message_from_bytes(body, policy=policy.default)
            assert isinstance(parsed, EmailMessage)
            kept.messages.append(parsed)
            self._say("250 kept")

        def _say(self, words: str) -> None:
            self.wfile.write(f"{words}\r\n".encode())

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session) as server:
        server.daemon_threads = True
        kept.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield kept
        finally:
            server.shutdown()
            thread.join()
