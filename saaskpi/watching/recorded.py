"""Stages that leave a record: what ran, why, how long, how much, and how it ended."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError

from saaskpi.errors import NeedsPersonError, SaaskpiError
from saaskpi.progress import Report, Stages
from saaskpi.watching.redaction import redacted
from warehouse.history import History

_log = logging.getLogger(__name__)


class Outcomes(Protocol):
    """Is told how stages end; see :class:`saaskpi.watching.alerts.StageAlerts`."""

    def failed(self, stage: str, error: BaseException) -> None:
        """Hear that a stage failed."""

    def done(self, stage: str) -> None:
        """Hear that a stage was done."""


class RecordedStages:
    """Stages of one pipeline, shown as before and kept in the run history.

    The stages of a run have one run id; a stage that the run has had already begins the next one. Not for
    several threads at once. That a stage cannot be recorded never stops it.

    Args:
        shown: shows them to a person.
        history: opens the history; called with the first stage.
        caused_by: ``command``, ``webhook``, or a job's name.
        now: the clock (aware, UTC).
        outcomes: is told how each ended, for alerts; None for nobody.
    """

    def __init__(
        self,
        shown: Stages,
        history: Callable[[], History],
        caused_by: str,
        now: Callable[[], datetime],
        outcomes: Outcomes | None = None,
    ) -> None:
        self._shown = shown
        self._history = history
        self._caused_by = caused_by
        self._now = now
        self._outcomes = outcomes
        self._run_id = ""
        self._titles: set[str] = set()
        self._depth = 0

    def stage(self, title: str) -> AbstractContextManager[Report]:
        """Open a stage; what it gives says how far it is."""
        return self._stage(title)

    @contextmanager
    def _stage(self, title: str) -> Iterator[Report]:
        self._enter(title)
        started = self._now()
        stage_id = self._begin(title, started)
        latest: dict[str, int] = {}
        try:
            with self._shown.stage(title) as show:

                def report(words: str, /, **counts: int) -> None:
                    latest.update(counts)
                    show(words, **counts)

                yield report
        except BaseException as error:
            self._end(title, stage_id, started, latest, error)
            raise
        else:
            self._end(title, stage_id, started, latest, None)
        finally:
            self._depth -= 1

    def _enter(self, title: str) -> None:
        if not self._run_id or (self._depth == 0 and title in self._titles):
            self._run_id = secrets.token_hex(6)
            self._titles = set()
        self._titles.add(title)
        self._depth += 1

    def _begin(self, title: str, at: datetime) -> int | None:
        try:
            return self._history().begin(title, self._caused_by, self._run_id, at)
        except (SaaskpiError, SQLAlchemyError) as error:
            _log.warning("The run history cannot be written: %s", type(error).__name__)
            return None

    def _end(
        self,
        title: str,
        stage_id: int | None,
        started: datetime,
        counts: dict[str, int],
        error: BaseException | None,
    ) -> None:
        ended = self._now()
        status = _status(error)
        words = _words(error)
        fields = {"stage": title, "run_id": self._run_id, "seconds": (ended - started).total_seconds()}
        _log.log(
            logging.INFO if error is None else logging.ERROR,
            "stage %s: %s%s",
            title,
            status,
            f": {words}" if words else "",
            extra={"event": "stage", "status": status, "counts": counts, **fields},
        )
        try:
            if stage_id is not None:
                self._history().end(stage_id, ended, status, counts, words)
            if self._outcomes is not None:
                self._outcomes.done(title) if error is None else self._outcomes.failed(title, error)
        except (SaaskpiError, SQLAlchemyError) as trouble:
            _log.warning("The run history cannot be written: %s", type(trouble).__name__)


def _status(error: BaseException | None) -> str:
    if error is None:
        return "done"
    return "needs_person" if isinstance(error, NeedsPersonError) else "failed"


def _words(error: BaseException | None) -> str | None:
    """Return what may be kept of an error: our own words, of others' only the kind."""
    if error is None:
        return None
    return redacted(str(error)) if isinstance(error, SaaskpiError) else type(error).__name__
