"""Logs on standard error: JSON lines for machines, plain lines for people, neither with secrets or people.

Every logger of the process goes through one handler: ours, and those of the libraries. What belongs in
fields is given as ``extra={"event": ..., "stage": ..., "run_id": ..., "counts": {...}, "seconds": ...}``;
accounts and objects are named by their ids.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import traceback
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal, TextIO

from saaskpi.watching.redaction import keep_secret, redacted

Style = Literal["text", "json"]
FIELDS: Final = (
    "event", "stage", "status", "run_id", "job", "source", "account_id", "account_ids", "object_type",
    "object_id", "counts", "seconds",
)  # fmt: skip
"""What a record may carry beside its message; anything else is not written."""
_QUIETER: Final = ("alembic", "urllib3", "apscheduler", "sqlalchemy", "singer_sdk", "waitress", "werkzeug")
"""Libraries that tell much that nobody needs; their warnings still show."""


def configure(style: Style, secrets: Iterable[str | None] = (), stream: TextIO | None = None) -> None:
    """Send every logger of this process to one handler; may be called again with what is known by then.

    Args:
        style: ``json`` for machines; ``text`` for people, who are shown warnings and errors only.
        secrets: values that must never be written.
        stream: where to; standard error by default.
    """
    keep_secret(secrets)
    handler = logging.StreamHandler(stream) if stream else _StandardError()
    handler.setFormatter(JsonFormatter() if style == "json" else TextFormatter())
    root = logging.getLogger()
    for former in [one for one in root.handlers if isinstance(one.formatter, JsonFormatter | TextFormatter)]:
        root.removeHandler(former)
    root.addHandler(handler)
    root.setLevel(logging.INFO if style == "json" else logging.WARNING)
    handler.addFilter(_is_wanted)
    if style == "text":
        handler.addFilter(_is_not_of_a_stage)
    logging.captureWarnings(capture=True)
    threading.excepthook = _log_thread_error


class _StandardError(logging.StreamHandler[TextIO]):
    """Writes to what standard error is at the time of writing, which a caller may have replaced."""

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, value: TextIO) -> None:
        del value


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ts (UTC), level, logger, event, message, and the fields of the record."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without secrets and personal data."""
        line: dict[str, Any] = {
            "ts": f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": "log",
            "message": redacted(_message(record)),
        }
        line |= {name: clean(value) for name in FIELDS if (value := getattr(record, name, None)) is not None}
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = describe(record.exc_info[1])
            line["trace"] = _trace(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False, default=str)


class TextFormatter(logging.Formatter):
    """``WARNING urllib3.connectionpool: words``, with the places of a traceback but not its values."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines, without secrets and personal data."""
        words = f"{record.levelname} {record.name}: {redacted(_message(record))}"
        if record.exc_info and record.exc_info[1] is not None:
            places = "".join(f"\n  {place}" for place in _trace(record.exc_info[1]))
            words += f"{places}\n  {describe(record.exc_info[1])}"
        return words


def clean(value: Any) -> Any:
    """Return a field's value without secrets and personal data, whatever it is made of."""
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, Mapping):
        return {redacted(str(name)): clean(one) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [clean(one) for one in value]
    return value if value is None or isinstance(value, int | float) else redacted(str(value))


def describe(error: BaseException) -> str:
    """Return an error's kind and its words, without secrets and personal data."""
    return redacted(f"{type(error).__name__}: {error}".removesuffix(": "))


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage().replace("\n", " | ")
    except (TypeError, ValueError, KeyError):  # a message and arguments of a library that do not fit
        return str(record.msg)


def _trace(error: BaseException) -> list[str]:
    """Return where an error came through: the source lines could quote what they work on, so without them."""
    return [
        f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)
    ]


def _is_wanted(record: logging.LogRecord) -> bool:
    """Judged here and not by the loggers' levels: the Singer SDK sets its own again with every tap."""
    return record.levelno >= logging.WARNING or record.name.split(".")[0] not in _QUIETER


def _is_not_of_a_stage(record: logging.LogRecord) -> bool:
    """People see the stages as they go; a second line about each would only be in the way."""
    return getattr(record, "event", None) != "stage"


def _log_thread_error(told: threading.ExceptHookArgs) -> None:
    if told.exc_value is not None and not isinstance(told.exc_value, SystemExit):
        log = logging.getLogger(told.thread.name if told.thread else "thread")
        log.error("a thread ended", exc_info=told.exc_value, extra={"event": "thread"})
