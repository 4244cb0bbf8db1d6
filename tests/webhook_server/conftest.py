"""A company whose numbers were pulled and computed once, for every test that only reads them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from saaskpi.pipeline import Pipeline
from saaskpi.progress import Silent
from saaskpi.settings import ServerSettings, Settings
from tests.support.spine import settings_for

if TYPE_CHECKING:
    from sandbox import Sandbox


@dataclass(frozen=True)
class Demo:
    """A sandbox and the settings of a home that was filled from it."""

    sandbox: Sandbox
    settings: Settings

    def copied(self, home: Path) -> Settings:
        """Return settings for a copy of the home."""
        shutil.copytree(self.settings.home, home)
        return self.settings.model_copy(update={"home": home})


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """One company for all tests; those that write to its CRM do so from a copy of the home."""
    from sandbox import Sandbox

    with Sandbox(customers=20, months=12, seed=7, rate_limits=False) as sandbox:
        settings = settings_for(sandbox, tmp_path_factory.mktemp("demo") / "home")
        settings.server = ServerSettings(requests_per_minute=1_000_000)
        with closing(Pipeline(settings, now=lambda: datetime.now(UTC), stages=Silent())) as pipeline:
            pipeline.pull()
            pipeline.enrich()
        yield Demo(sandbox, settings)
