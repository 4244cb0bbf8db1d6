"""What is read anew lands exactly as a full pull would land it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from connectors.touched import Ref, Touched
from saaskpi.pipeline import Pipeline
from saaskpi.progress import Silent
from saaskpi.rereading import STREAMS, Reread, columns, reread
from tests.support.spine import MakeSandbox, settings_for
from warehouse.engine import Engine
from warehouse.landing import Landing

if TYPE_CHECKING:
    from sandbox import Sandbox

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def landed(landing: Landing, stream: str) -> dict[Any, dict[str, Any]]:
    """The newest row per key that is not void, without what tells how it was read."""
    view = landing.view()
    files = view.files(stream)
    if not files:
        return {}
    keys = [column.name for column in columns(stream) if column.key]
    with Engine() as engine:
        engine.register_files(stream, files, view.gone(stream))
        ranked = f"row_number() OVER (PARTITION BY {', '.join(keys)} ORDER BY _seq DESC)"
        rows = engine.frame(f"SELECT * EXCLUDE (_seq) FROM {stream} QUALIFY {ranked} = 1")
    rows = rows.drop(columns=["_read_at"], errors="ignore").astype(str)
    records: list[dict[str, Any]] = json.loads(rows.to_json(orient="records"))
    return {tuple(row[key] for key in keys): row for row in records}


def different(one: Landing, other: Landing) -> dict[str, list[Any]]:
    """Keys of the rows that two landings do not have alike, by stream."""
    found = {}
    for stream in sorted(STREAMS):
        left, right = landed(one, stream), landed(other, stream)
        if stream == "stripe_events":
            # Stripe lists those of 30 days; what was read stays until the next full pull.
            oldest = min(int(row["created"]) for row in right.values())
            left = {key: row for key, row in left.items() if int(row["created"]) >= oldest}
        odd = [key for key in {*left, *right} if left.get(key) != right.get(key)]
        if odd:
            found[stream] = odd
    return found


class Homes:
    """Homes of one sandbox, each with a landing of its own."""

    def __init__(self, sandbox: Sandbox, root: Path) -> None:
        self._sandbox, self._root = sandbox, root
        self._pipelines: list[Pipeline] = []

    def pulled(self) -> Pipeline:
        """A home that has read everything."""
        pipeline = self.pipeline(f"home{len(self._pipelines)}")
        pipeline.pull()
        return pipeline

    def pipeline(self, name: str) -> Pipeline:
        settings = settings_for(self._sandbox, self._root / name)
        self._pipelines.append(Pipeline(settings, now=lambda: datetime.now(UTC), stages=Silent()))
        return self._pipelines[-1]

    def close(self) -> None:
        for pipeline in self._pipelines:
            pipeline.close()


@pytest.fixture
def world(make_sandbox: MakeSandbox) -> Sandbox:
    return make_sandbox(customers=14, months=6)


@pytest.fixture
def homes(world: Sandbox, tmp_path: Path) -> Iterator[Homes]:
    made = Homes(world, tmp_path)
    yield made
    made.close()


def again(pipeline: Pipeline, touched: Touched) -> Reread:
    return reread(pipeline.landing, pipeline.stripe, pipeline.hubspot, touched, datetime.now(UTC))


def everything(sandbox: Sandbox) -> Touched:
    """Every object that the sandbox has."""
    objects = sandbox.world.stripe
    kinds = ("customer", "subscription", "invoice", "charge", "price", "product", "coupon", "event")
    stripe = {Ref(kind, id_) for kind in kinds for id_ in objects.ids(kind)}
    hubspot = {
        Ref(kind, str(record.id)) for kind, table in sandbox.crm.tables.items() for record in table.live()
    }
    return Touched(stripe=frozenset(stripe), hubspot=frozenset(hubspot))


def test_after_a_month_the_changed_objects_read_anew_leave_what_a_full_pull_leaves(
    world: Sandbox, homes: Homes
) -> None:
    before = homes.pulled()
    world.advance(31)
    again(before, everything(world))
    assert different(before.landing, homes.pulled().landing) == {}
