"""The sandbox as a whole: one simulated company behind two HTTP servers."""

import json
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from datetime import date
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from sandbox import control, hubspot_api, stripe_api
from sandbox.crm import build_crm
from sandbox.crm.object_types import OBJECT_TYPES, resolve
from sandbox.faults import Faults
from sandbox.hubspot_webhooks import HubSpotWebhooks
from sandbox.middleware import instrument, one_at_a_time
from sandbox.rate_limit import TokenBucket
from sandbox.request_log import RequestLog
from sandbox.server import Server
from sandbox.stripe_api.counts import stream_counts
from sandbox.stripe_api.expand import Renderer
from sandbox.webhooks import Delivery, Webhooks, hubspot_headers, stripe_headers
from sandbox.world import WorldConfig, build

if TYPE_CHECKING:
    from flask import Flask

TODAY = date(2026, 10, 31)
STRIPE_API_KEY = "sk_test_sandbox_51TidewaterSoftware"
STRIPE_WEBHOOK_SECRET = "whsec_sandbox_tidewater"  # noqa: S105 - made up
HUBSPOT_EVENTS_PER_POST = 100


class Sandbox:
    """Stripe and HubSpot look-alikes of one simulated company; a context manager.

    All state is in memory. Answers are given one at a time, so that a reader never sees a half-billed day.

    Args:
        customers: Size of the company.
        months: Calendar months of history up to ``today``.
        seed: The same seed gives the same company.
        stripe_port: 0 takes a free port.
        hubspot_port: 0 takes a free port.
        today: The last day that has happened; the end of October 2026 by default.
        causal: Whether falling usage makes churn likelier.
        rate_limits: False lets every request through at once.
        stripe_rate: Requests a second that the Stripe account may send.
        stripe_denied: Resources that the Stripe key may not read ("charges", "billing"): 403.
        hubspot_scopes: Scopes of the HubSpot token; None grants all.

    Attributes:
        world: The company.
        crm: Its CRM.
        log: Every request that was answered.
        faults: What is switched on to go wrong.
        webhooks: What was delivered.

    Example:
        >>> with Sandbox(customers=20, months=6) as sandbox:  # doctest: +SKIP
        ...     client = StripeClient(sandbox.stripe_api_key, base_addresses={"api": sandbox.stripe_url})
    """

    def __init__(
        self,
        *,
        customers: int = 200,
        months: int = 36,
        seed: int = 7,
        stripe_port: int = 0,
        hubspot_port: int = 0,
        today: date | None = None,
        causal: bool = True,
        rate_limits: bool = True,
        stripe_rate: float = 100.0,
        stripe_denied: Sequence[str] = (),
        hubspot_scopes: Iterable[str] | None = None,
    ) -> None:
        self.world = build(WorldConfig(customers, months, seed, today or TODAY, causal))
        self.crm = build_crm(self.world)
        self.log = RequestLog()
        self.faults = Faults(seed)
        self.webhooks = Webhooks()
        self.stripe_denied = set(stripe_denied)
        self.hubspot = hubspot_api.Settings(
            scopes=None if hubspot_scopes is None else frozenset(hubspot_scopes), rate_limits=rate_limits
        )
        self.endpoints = stripe_api.WebhookEndpoints(STRIPE_WEBHOOK_SECRET, lambda: self.world.now)
        self._bucket = TokenBucket(stripe_rate if rate_limits else None)
        self._ports = (stripe_port, hubspot_port)
        self._lock = threading.RLock()
        self.hubspot_webhooks = HubSpotWebhooks(
            self.crm.portal_id,
            self.crm.now,
            {name: kind.type_id for name, kind in OBJECT_TYPES.items()},
            lambda url, events: self.send_webhooks("hubspot", url, self._arranged(events)),
        )
        self.crm.tell = self.hubspot_webhooks.tell
        self.crm.links.listener = self.hubspot_webhooks.tell_link
        self._servers = ExitStack()
        self.stripe_url = ""
        self.hubspot_url = ""

    def start(self) -> Self:
        """Begin to serve; ``stripe_url`` and ``hubspot_url`` are known from here on.

        Raises:
            OSError: A port is taken.
        """
        try:
            self._start()
        except OSError:
            self.stop()
            raise
        return self

    def _start(self) -> None:
        steering = control.create_app(self)
        stripe, hubspot = self._ports
        self.stripe_url = self._serve(self._stripe_app(), "stripe", steering, stripe)
        self.hubspot_url = self._serve(
            hubspot_api.create_app(self.crm, self.hubspot), "hubspot", steering, hubspot
        )

    def stop(self) -> None:
        """Stop serving; the company stays as it is."""
        self.faults.clear()
        self.hubspot_webhooks.aim(None)
        self._servers.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def stripe_api_key(self) -> str:
        """The key that the Stripe side lets in."""
        return STRIPE_API_KEY

    def describe(self) -> dict[str, Any]:
        """Where it is and how to get in; what ``python -m sandbox`` prints."""
        return {
            "stripe": {
                "api_base": self.stripe_url,
                "api_key": STRIPE_API_KEY,
                "webhook_secret": STRIPE_WEBHOOK_SECRET,
            },
            "hubspot": {
                "api_base": self.hubspot_url,
                "access_token": self.hubspot.access_token,
                "client_secret": self.hubspot.client_secret,
                "portal_id": self.crm.portal_id,
            },
            "today": self.world.today.isoformat(),
        }

    def truth(self) -> dict[str, Any]:
        """What each customer is worth by the company's own contracts, in minor units."""
        with self._lock:
            return self.world.truth()

    def counts(self) -> dict[str, dict[str, int]]:
        """How many rows there are for each stream of the tap, by vendor."""
        with self._lock:
            stripe = stream_counts(self.world.stripe, self.world.now)
            return {"stripe": stripe, "hubspot": self.crm.counts()}

    def usage(self, since: date | None = None, until: date | None = None) -> Iterator[dict[str, Any]]:
        """The product's usage events from one day to another, both included; all so far by default."""
        return self.world.usage_events(since, until)

    def advance(self, days: int) -> dict[str, Any]:
        """Let days pass at the company, then deliver what happened to the registered webhook endpoints."""
        with self._lock:
            last = next(reversed(self.world.stripe.ids("event")), None)
            self.world.advance(days)
            self.crm.advance()
            events = self._events_after(last)
        delivered = self._deliver(events)
        return {"today": self.world.today.isoformat(), "events": len(events), "delivered": delivered}

    def happen(self, what: str, customer: str) -> dict[str, Any]:
        """Let something happen to a Stripe customer at once; its events are delivered and returned.

        Raises:
            ValueError: It cannot happen to this customer.
        """
        with self._lock:
            known = set(self.world.stripe.ids("event"))
            self.world.happen(what, customer)
            events = [self._event(each) for each in self.world.stripe.ids("event") if each not in known]
            self._warm_up()
        return {"events": events, "delivered": self._deliver(events)}

    def edit(self, type_name: str, object_id: str, properties: dict[str, str], source: str) -> None:
        """Let somebody else change a record of the CRM: a person, unless ``source`` says else.

        Raises:
            ValueError: There is no such record, or a value is refused.
        """
        kind = resolve(type_name)
        with self._lock, self.crm.lock:
            record = self.crm.find(kind, object_id) if kind else None
            if kind is None or record is None:
                raise ValueError(f"There is no {type_name} {object_id}")
            clean = self.crm.check(kind, properties, record)
            self.crm.set(kind.name, record, clean, self.crm.now(), source)

    def _warm_up(self) -> None:
        """Find again what the API looks up by customer, so that the next reader does not wait for it."""
        kinds = ("subscription", "invoice", "charge", "discount", "payment_method", "credit_note")
        for kind in (*kinds, "meter_event_summary"):
            self.world.stripe.where(kind, "customer", "")

    def _arranged(self, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return self.webhooks.manner.arranged(events, self.webhooks.rng)

    def _deliver(self, events: list[dict[str, Any]]) -> int:
        return sum(
            len(self.send_webhooks("stripe", url, [event]))
            for event in self._arranged(events)
            for url in self.endpoints.urls_for(event["type"])
        )

    def _event(self, event_id: str) -> dict[str, Any]:
        found = Renderer(self.world.stripe).found("event", event_id)
        assert found is not None  # it was listed a moment ago
        return found

    def send_webhooks(self, vendor: str, url: str, events: list[dict[str, Any]]) -> list[Delivery]:
        """Sign and deliver events to a URL: Stripe one per POST, HubSpot up to 100."""
        if vendor == "stripe":
            return [self._post(vendor, url, event, str(event.get("id", ""))) for event in events]
        size = HUBSPOT_EVENTS_PER_POST
        batches = [events[first : first + size] for first in range(0, len(events), size)]
        return [self._post(vendor, url, batch, f"{len(batch)} events") for batch in batches]

    def _post(self, vendor: str, url: str, body: Any, about: str) -> Delivery:
        if vendor == "stripe":
            sign = partial(stripe_headers, STRIPE_WEBHOOK_SECRET)
        else:
            sign = partial(hubspot_headers, self.hubspot.client_secret, url)
        return self.webhooks.deliver(vendor, url, json.dumps(body).encode(), about, sign)

    def _events_after(self, last: str | None) -> list[dict[str, Any]]:
        renderer = Renderer(self.world.stripe)
        events: list[dict[str, Any]] = []
        for event_id in reversed(self.world.stripe.ids("event")):
            if event_id == last:
                break
            event = renderer.found("event", event_id)
            if event is not None:
                events.append(event)
        return events[::-1]

    def _stripe_app(self) -> "Flask":
        api = stripe_api.StripeApi(self.world.stripe, lambda: self.world.now)
        access = stripe_api.Access(STRIPE_API_KEY, self._bucket, self.stripe_denied)
        return stripe_api.create_app(api, access, self.endpoints)

    def _serve(self, app: "Flask", vendor: str, steering: "Flask", port: int) -> str:
        one_at_a_time(app, self._lock)
        instrument(app, vendor, self.log, self.faults)
        return self._servers.enter_context(Server(control.with_control(app, steering), port)).url
