"""Runs the command line in this process, as the console script does."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from saaskpi.cli import main


@contextmanager
def logs_as_before() -> Iterator[None]:
    """Take back what a command sets for its whole process."""
    root, hook = logging.getLogger(), threading.excepthook
    handlers, level = list(root.handlers), root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        threading.excepthook = hook
        logging.captureWarnings(capture=False)


@dataclass(frozen=True)
class Ended:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


class CommandLine:
    """Calls ``saaskpi`` with arguments; the environment is the test's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *args: str) -> Ended:
        """Run ``saaskpi ARGS``; nothing but SystemExit may come out of it."""
        self._monkeypatch.setattr("sys.argv", ["saaskpi", *args])
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as ended, logs_as_before():
            main()
        printed = self._capsys.readouterr()
        code = ended.value.code
        return Ended(code if isinstance(code, int) else 1, printed.out, printed.err)
