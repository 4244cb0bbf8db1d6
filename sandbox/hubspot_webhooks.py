"""HubSpot's webhooks: what happens in the CRM is told to the app's target URL, up to 100 events a POST."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

APP_ID: Final = 5_400_001
"""Of the app whose token and secret the sandbox gives out."""
_EVENTS_PER_POST: Final = 100
_SINGULAR: Final = {"companies": "company", "contacts": "contact", "deals": "deal", "tickets": "ticket"}
"""Types with names of their own in ``subscriptionType``; the others are ``object.*`` with their type id."""


@dataclass
class HubSpotWebhooks:
    """Collects events and delivers them from a thread of its own, as they come. Thread-safe.

    Attributes:
        portal_id: of the account.
        now: the CRM's clock, milliseconds.
        type_ids: type id of each object type.
        deliver: sends a list of events to a URL.
    """

    portal_id: int
    now: Callable[[], int]
    type_ids: dict[str, str]
    deliver: Callable[[str, list[dict[str, Any]]], object]
    _target: str | None = None
    _waiting: list[dict[str, Any]] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _busy: bool = False
    _thread: threading.Thread | None = None

    def aim(self, url: str | None) -> None:
        """Set the target URL; None ends the deliveries."""
        with self._changed:
            self._target = url
            self._waiting.clear()
            self._changed.notify_all()
            if url is not None and self._thread is None:
                self._thread = threading.Thread(target=self._run, name="hubspot webhooks", daemon=True)
                self._thread.start()

    def target(self) -> str | None:
        """Return the target URL."""
        return self._target

    def tell(self, what: str, type_name: str, object_id: int, source: str, **more: Any) -> None:
        """Note an event; the CRM calls it while it is locked, so nothing is sent here.

        Args:
            what: as in HubSpot's subscription types, ``propertyChange``.
            type_name: plural name of the object type.
            object_id: of the record.
            source: ``changeSource``.
            more: further fields.
        """
        if self._target is None:
            return
        prefix = _SINGULAR.get(type_name, "object")
        event = {
            "appId": APP_ID,
            "eventId": next(self._numbers),
            "subscriptionId": 1,
            "portalId": self.portal_id,
            "occurredAt": self.now(),
            "subscriptionType": f"{prefix}.{what}",
            "attemptNumber": 0,
            "objectId": object_id,
            "changeSource": source,
            "sourceId": str(APP_ID) if source == "INTEGRATION" else "userId:1",
            **({"objectTypeId": self.type_ids[type_name]} if prefix == "object" else {}),
            **more,
        }
        with self._changed:
            self._waiting.append(event)
            self._changed.notify_all()

    def tell_link(self, pair: tuple[str, str], from_id: int, to_id: int, removed: bool) -> None:
        """Note that a link between two records was made or removed."""
        first, second = (_SINGULAR.get(name) for name in pair)
        if first and second:
            more = {"fromObjectId": from_id, "toObjectId": to_id, "associationRemoved": removed}
            kind = f"{first}_TO_{second}".upper()
            self.tell("associationChange", pair[0], from_id, "INTEGRATION", associationType=kind, **more)

    def settle(self, seconds: float = 30.0) -> bool:
        """Wait until everything is delivered; False when it takes longer."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._busy, seconds)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._waiting) or self._target is None)
                if self._target is None:
                    self._thread = None
                    return
                url, batch = self._target, self._waiting[:_EVENTS_PER_POST]
                del self._waiting[:_EVENTS_PER_POST]
                self._busy = True
            try:
                self.deliver(url, batch)
            finally:
                with self._changed:
                    self._busy = False
                    self._changed.notify_all()
