"""What the routes and the worker of one server share: the inbox, the way into it, and its numbers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from saaskpi.watching.alerts import SignatureAlerts
from warehouse.inbox import Inbox
from webhook_server.group_commit import GroupCommit
from webhook_server.metrics import Metrics
from webhook_server.services import Services


@dataclass
class Live:
    """One running server.

    Attributes:
        services: settings, clock and store.
        arrived: is set when something new came in, so that the worker need not wait for its next look.
        troubles: each says in a sentence why the server is not ready, or nothing.
    """

    services: Services
    arrived: threading.Event = field(default_factory=threading.Event)
    troubles: list[Callable[[], str | None]] = field(default_factory=list)

    @cached_property
    def inbox(self) -> Inbox:
        """The events that came in."""
        return Inbox(self.services.store.engine)

    @cached_property
    def intake(self) -> GroupCommit:
        """The way into the inbox for request threads."""
        return GroupCommit(self.inbox.add, self.arrived.set)

    @cached_property
    def signatures(self) -> SignatureAlerts | None:
        """Hears of each signature that was checked, and tells when many are wrong."""
        alerts = self.services.alerts
        return SignatureAlerts(alerts, self.services.now) if alerts else None

    @cached_property
    def metrics(self) -> Metrics:
        """What ``/metrics`` shows."""
        metrics = Metrics()
        metrics.watch_inbox(self.inbox.counts, self.services.now)
        return metrics
