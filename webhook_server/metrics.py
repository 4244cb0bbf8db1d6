"""What ``/metrics`` shows: counters of this process, and how full the inbox is when somebody asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from saaskpi.errors import StoreError
from warehouse.inbox import Counts

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Metrics:
    """The numbers of one server, in a registry of their own.

    Attributes:
        received: webhook events taken in, duplicates included, by source.
        duplicates: those that had come before, by source.
        refused: requests that were refused, by source and reason.
        processed: events whose accounts were done anew, by source.
        failures: refreshes that failed, by kind of error.
        processing: seconds that a refresh took.
        halted: 1 while nothing is processed because a key was refused.
    """

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self.registry = registry
        self.received = Counter("saaskpi_events_received", "Events taken in.", ["source"], registry=registry)
        self.duplicates = Counter(
            "saaskpi_events_duplicate", "Events that had come before.", ["source"], registry=registry
        )
        self.refused = Counter(
            "saaskpi_requests_refused", "Webhook requests refused.", ["source", "reason"], registry=registry
        )
        self.processed = Counter(
            "saaskpi_events_processed", "Events whose accounts were done anew.", ["source"], registry=registry
        )
        self.failures = Counter(
            "saaskpi_refresh_failures", "Refreshes that failed.", ["error"], registry=registry
        )
        self.processing = Histogram(
            "saaskpi_refresh_seconds", "Seconds that a refresh took.", buckets=_SECONDS, registry=registry
        )
        self.halted = Gauge(
            "saaskpi_worker_halted", "1 while nothing is processed: a key was refused.", registry=registry
        )

    def watch_inbox(self, counts: Callable[[], Counts], now: Callable[[], datetime]) -> None:
        """Show how full the inbox is, asked anew each time.

        Args:
            counts: reads the store.
            now: the clock's time, aware.
        """
        self.registry.register(_InboxCollector(counts, now))

    def text(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self.registry)


class _InboxCollector(Collector):
    def __init__(self, counts: Callable[[], Counts], now: Callable[[], datetime]) -> None:
        self._counts = counts
        self._now = now

    def describe(self) -> Iterator[Metric]:
        """Name nothing: describing would ask the store."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Ask the store; a store that does not answer shows no numbers rather than wrong ones."""
        try:
            counts = self._counts()
        except StoreError:
            return
        age = (self._now() - counts.oldest).total_seconds() if counts.oldest else 0.0
        yield GaugeMetricFamily("saaskpi_inbox_waiting", "Events not yet processed.", value=counts.waiting)
        yield GaugeMetricFamily("saaskpi_inbox_dead", "Events that were given up.", value=counts.dead)
        yield GaugeMetricFamily(
            "saaskpi_inbox_oldest_seconds", "Age of the oldest event not yet processed.", value=max(age, 0.0)
        )
