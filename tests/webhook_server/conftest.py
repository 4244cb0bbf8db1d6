"""A company whose numbers were pulled and computed once, for every test that only reads them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from saaskpi.settings import ServerSettings, Settings
from tests.support.kept import Kept

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
def demo(kept_homes: Kept, tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """One company for all tests; those that write to its CRM do so from a copy of the home."""
    sandbox, settings = kept_homes.begin(tmp_path_factory.mktemp("demo") / "home", "enrich")
    settings.server = ServerSettings(requests_per_minute=1_000_000)
    return Demo(sandbox, settings)
