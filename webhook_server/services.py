"""What the parts of the server share: settings, the clock, the operational store, the way to a pipeline."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from saaskpi.pipeline import Pipeline
from saaskpi.progress import Silent, Stages
from saaskpi.settings import Settings
from saaskpi.watching.alerts import Alerts
from saaskpi.watching.watched import WatchedPipeline, alerts_of
from warehouse.store import Store


def _holder() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


@dataclass
class Services:
    """One server process.

    Attributes:
        settings: checked settings.
        now: the clock (aware, UTC).
        stages: is told how far work is.
        holder: names this process in claims and leases; no two processes have the same.
        alerts: tell people what goes wrong; those of the settings by default.

    Raises:
        UsageError: a channel of the alerts is set wrongly.
    """

    settings: Settings
    now: Callable[[], datetime]
    stages: Stages = field(default_factory=Silent)
    holder: str = field(default_factory=_holder)
    alerts: Alerts | None = None

    def __post_init__(self) -> None:
        # A copy of the services, with other stages, tells by the same alerts.
        self.alerts = self.alerts or alerts_of(self.settings, self.now, lambda: self.store.engine)

    @cached_property
    def store(self) -> Store:
        """The operational store; its engine serves every thread and every other part of the store."""
        return Store.open(self.settings.store_at())

    def pipeline(self, caused_by: str = "webhook") -> Pipeline:
        """Return a pipeline of its own for one thread, whose stages are kept in the run history.

        Args:
            caused_by: ``webhook``, or a job's name.

        Raises:
            UsageError: a setting is wrong.
        """
        return WatchedPipeline(self.settings, self.now, self.stages, caused_by, self.alerts)

    def close(self) -> None:
        """Close the store, after the alerts that are on their way."""
        if self.alerts:
            self.alerts.close()
        if "store" in self.__dict__:
            self.store.close()
            del self.store
