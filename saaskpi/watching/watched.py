"""A pipeline whose stages are recorded, and whose troubles are told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa
from typing_extensions import override

from connectors.touched import Touched
from saaskpi.pipeline import Pipeline
from saaskpi.progress import Stages
from saaskpi.results import EnrichResult, Written
from saaskpi.settings import Settings
from saaskpi.watching.alerts import Alerts, StageAlerts
from saaskpi.watching.channels import channels_of
from saaskpi.watching.recorded import RecordedStages
from warehouse.alerts import AlertLog
from warehouse.history import History


class WatchedPipeline(Pipeline):
    """A pipeline for one thread that leaves a record of what it does.

    Args:
        settings: checked settings.
        now: the clock (aware, UTC).
        stages: is told how far work is.
        caused_by: ``command``, ``webhook``, or a job's name.
        alerts: tell people what goes wrong; None where somebody watches.

    Raises:
        UsageError: a setting is wrong.
    """

    def __init__(
        self,
        settings: Settings,
        now: Callable[[], datetime],
        stages: Stages,
        caused_by: str,
        alerts: Alerts | None = None,
    ) -> None:
        self._alerts = alerts
        outcomes = StageAlerts(alerts) if alerts else None
        recorded = RecordedStages(stages, lambda: History(self.store.engine), caused_by, now, outcomes)
        super().__init__(settings, now, recorded)

    @override
    def enrich(self) -> EnrichResult:
        result = super().enrich()
        if self._alerts:
            self._alerts.band_changes(result.band_changes)
        return result

    @override
    def refresh(self, touched: Touched) -> Written:
        try:
            return super().refresh(touched)
        finally:  # what was computed counts as announced, whatever becomes of the writes
            if self._alerts:
                self._alerts.band_changes(self._refresher.band_changes)


def alerts_of(settings: Settings, now: Callable[[], datetime], engine: Callable[[], sa.Engine]) -> Alerts:
    """Return the alerts that the settings say.

    Args:
        settings: name the channels.
        now: the clock (aware, UTC).
        engine: opens the store; called with the first alert.

    Raises:
        UsageError: a channel is set wrongly.
    """
    return Alerts(lambda: AlertLog(engine()), channels_of(settings.alerts), now)
