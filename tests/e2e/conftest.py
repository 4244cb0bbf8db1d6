"""Pipelines over homes of their own, for tests of the whole road."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from saaskpi.pipeline import Pipeline
from saaskpi.progress import Silent
from tests.support.kept import Kept
from tests.support.spine import Begin, MakePipeline, settings_for

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


@pytest.fixture
def begin(kept: Kept, tmp_path: Path) -> Iterator[Begin]:
    """Begin with a sandbox and a pipeline over a home that was brought as far as a stage."""
    made: list[Pipeline] = []

    def begun(upto: str = "apply", **company: Any) -> tuple[Sandbox, Pipeline]:
        sandbox, settings = kept.begin(tmp_path / f"begun{len(made)}", upto, **company)
        made.append(Pipeline(settings, now=lambda: datetime.now(UTC), stages=Silent()))
        return sandbox, made[-1]

    yield begun
    for pipeline in made:
        pipeline.close()
