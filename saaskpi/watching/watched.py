"""A pipeline whose stages are recorded."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from saaskpi.pipeline import Pipeline
from saaskpi.progress import Stages
from saaskpi.settings import Settings
from saaskpi.watching.recorded import RecordedStages
from warehouse.history import History


def watched_pipeline(
    settings: Settings, now: Callable[[], datetime], stages: Stages, caused_by: str
) -> Pipeline:
    """Return a pipeline for one thread that leaves a record of what it does.

    Args:
        settings: checked settings.
        now: the clock (aware, UTC).
        stages: is told how far work is.
        caused_by: ``command``, ``webhook``, or a job's name.

    Raises:
        UsageError: a setting is wrong.
    """

    def history() -> History:
        return History(pipeline.store.engine)

    pipeline = Pipeline(settings, now, RecordedStages(stages, history, caused_by, now))
    return pipeline
