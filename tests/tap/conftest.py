"""A tap that writes into memory, against a sandbox."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from singer_sdk import singerlib as singer
from singer_sdk.singerlib.encoding.base import GenericSingerWriter

from saaskpi.pipeline import Pipeline
from saaskpi.progress import StageReporter
from tap_saaskpi.tap import TapSaaskpi
from tests.support import spine
from tests.support.hubspot_models import HubSpotModels
from tests.support.kept import LARGER, Kept

if TYPE_CHECKING:
    from sandbox import Sandbox


class MemoryWriter(GenericSingerWriter[str, Any]):
    """Keeps what the tap writes."""

    def __init__(self) -> None:
        self.schemas: dict[str, list[Any]] = defaultdict(list)
        self.records: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.states: list[dict[str, Any]] = []

    def serialize_message(self, message: Any) -> str:
        raise NotImplementedError

    def write_message(self, message: Any) -> None:
        if isinstance(message, singer.SchemaMessage):
            self.schemas[message.stream].append(message)
        elif isinstance(message, singer.RecordMessage):
            assert message.stream in self.schemas, "a record before its schema"
            self.records[message.stream].append(message.record)
        elif isinstance(message, singer.StateMessage):
            self.states.append(dict(message.value))


Reading = tuple[TapSaaskpi, MemoryWriter]


def config_of(sandbox: Sandbox, **settings: Any) -> dict[str, Any]:
    given = sandbox.describe()
    return {
        "stripe_api_key": given["stripe"]["api_key"],
        "stripe_api_base": sandbox.stripe_url,
        "stripe_requests_per_second": 10_000,
        "hubspot_access_token": given["hubspot"]["access_token"],
        "hubspot_api_base": sandbox.hubspot_url,
        "hubspot_requests_per_10_seconds": 10_000,
        **settings,
    }


@pytest.fixture
def settings_for() -> Callable[..., dict[str, Any]]:
    """Gives the tap's config for a sandbox; keywords override."""
    return config_of


@pytest.fixture(scope="session")
def read() -> Callable[..., Reading]:
    """Runs a tap over a sandbox: all streams, or only those named; HubSpot's own models look on."""

    def run(sandbox: Sandbox, *streams: str, **settings: Any) -> Reading:
        writer, models = MemoryWriter(), HubSpotModels()
        sandbox.log.observers.append(models)
        try:
            config = config_of(sandbox, **settings)
            tap = TapSaaskpi(config=config, message_writer=writer, only=streams or None)
            tap.sync_all()
        finally:
            sandbox.log.observers.remove(models)
        assert models.violations == []
        return tap, writer

    return run


@pytest.fixture(scope="session")
def home(sandbox: Sandbox, kept_homes: Kept, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder with one finished run over the sandbox."""
    folder = tmp_path_factory.mktemp("kpi") / "home"
    kept_homes.copy(folder, "pull", **LARGER)
    settings = spine.settings_for(sandbox, folder).model_copy(update={"segments": {"plan": "plan"}})
    pipeline = Pipeline(settings, lambda: datetime.now(UTC), StageReporter(io.StringIO()))
    pipeline.enrich()
    pipeline.close()
    return folder
