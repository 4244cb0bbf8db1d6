"""Pipelines over homes of their own, for tests of the whole road."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from saaskpi.pipeline import Pipeline
from saaskpi.progress import Silent
from tests.support.spine import MakePipeline, settings_for

if TYPE_CHECKING:
    from sandbox import Sandbox


@pytest.fixture
def make_pipeline(tmp_path: Path) -> Iterator[MakePipeline]:
    """Make pipelines over a fresh home each, closed at the end."""
    made: list[Pipeline] = []

    def make(sandbox: Sandbox) -> Pipeline:
        settings = settings_for(sandbox, tmp_path / f"home{len(made)}")
        made.append(Pipeline(settings, now=lambda: datetime.now(UTC), stages=Silent()))
        return made[-1]

    yield make
    for pipeline in made:
        pipeline.store.close()
