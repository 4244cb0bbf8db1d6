"""What a home holds, opened in an SQL engine: the streams of the last pull, usage files, declarations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from enrichment.reporting import Reporting
from enrichment.sources import SOURCES
from saaskpi.declared import declared
from saaskpi.settings import Settings
from saaskpi.usage.posted import posted_sources
from saaskpi.usage.reading import STREAM, UsageRead, read_usage
from warehouse.engine import Engine
from warehouse.landing import Landing

RATES: Path = Path("rates")
"""Where a home keeps the ECB's exchange rates."""


@dataclass(frozen=True)
class Opened:
    """An engine that holds one table per stream, and what the settings declare beside the data.

    Attributes:
        engine: to compute in.
        reporting: currency, segments, rates, spend, and every row of usage or declarations kept aside.
        notes: what a reader should know of the declarations, a sentence each.
    """

    engine: Engine
    reporting: Reporting
    notes: list[str]


def register_streams(engine: Engine, landing: Landing) -> None:
    """Make the streams of the last pull that the models read readable as tables, without void rows."""
    view = landing.view()
    for stream in set(view.streams()) & set(SOURCES):
        engine.register_files(stream, view.files(stream), view.gone(stream))


def usage_files(settings: Settings, now: datetime) -> UsageRead:
    """Read the usage files of the settings that are new or have changed, and what was posted.

    Args:
        settings: checked settings.
        now: the clock's time, aware; usage after it is kept aside.

    Raises:
        UsageError: a file cannot be read.
    """
    return read_usage(
        [*settings.usage.sources, *posted_sources(settings.home, settings.usage.posted_key)],
        settings.home / "usage",
        now,
        memory_limit=settings.engine.memory_limit,
        threads=settings.engine.threads,
    )


@contextmanager
def opened(settings: Settings, landing: Landing, as_of: datetime, now: datetime) -> Iterator[Opened]:
    """Open the home of the settings; usage files that changed are read anew, nothing else is written.

    Args:
        settings: checked settings.
        landing: of the home.
        as_of: the instant that the numbers describe, aware.
        now: the clock's time, aware; usage after it is kept aside.

    Raises:
        UsageError: a file that the settings name cannot be read.
        StoreError: the landing is damaged.
    """
    limits = settings.engine
    with Engine(limits.memory_limit, limits.threads, settings.home / "tmp") as engine:
        register_streams(engine, landing)
        reporting, notes = declared(settings, settings.home / RATES, as_of.date())
        used = usage_files(settings, now)
        if used.files:
            engine.register_files(STREAM, used.files)
        yield Opened(engine, replace(reporting, rejected=(*reporting.rejected, *used.rejected)), notes)
