"""Deltas beside full reads: what began to be read later stands, whichever lands first."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_sync.inputs import newest_rows
from warehouse.columns import columns_of
from warehouse.compaction import merge
from warehouse.deltas import KEPT_SECONDS, Gone
from warehouse.engine import Engine
from warehouse.landing import MOST_DELTAS, Landing
from warehouse.landing_writer import DeltaWriter, LandingWriter

NOW = datetime(2026, 10, 31, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
SCHEMA = {
    "properties": {
        "id": {"type": "string"},
        "parent": {"type": ["null", "string"]},
        "value": {"type": ["null", "integer"]},
    }
}
COLUMNS = columns_of(SCHEMA, ["id"])


def fill(writer: LandingWriter, rows: dict[str, int], stream: str = "things") -> None:
    writer.describe(stream, COLUMNS)
    for id_, value in rows.items():
        writer.add(stream, {"id": id_, "parent": id_[0], "value": value})


def full(landing: Landing, rows: dict[str, int], now: datetime = NOW) -> None:
    with landing.begin(now) as writer:
        fill(writer, rows)


def delta(landing: Landing, rows: dict[str, int], *gone: Gone, now: datetime = LATER) -> None:
    with landing.begin_delta(now, gone) as writer:
        fill(writer, rows)


def framed(landing: Landing, stream: str = "things") -> dict[str, int]:
    """What readers of frames see."""
    frame = newest_rows(landing, stream, ("id", "value"))
    return dict(zip(frame["id"], frame["value"].map(int), strict=True))


def seen(landing: Landing, stream: str = "things") -> dict[str, int]:
    """What readers see, in both ways of reading."""
    by_frame = framed(landing, stream)
    view = landing.view()
    if not view.files(stream):
        return by_frame
    with Engine() as engine:
        engine.register_files(stream, view.files(stream), view.gone(stream))
        rows = engine.frame(f"SELECT id, max_by(value, _seq) AS value FROM {stream} GROUP BY id")
    by_engine = dict(zip(rows["id"], rows["value"].map(int), strict=True))
    assert by_frame == by_engine
    return by_frame


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return Landing(tmp_path / "raw")


def test_a_delta_lands_beside_the_full_read(landing: Landing) -> None:
    full(landing, {"a1": 1, "a2": 2, "b1": 3})
    delta(landing, {"a1": 10, "c1": 4})
    assert seen(landing) == {"a1": 10, "a2": 2, "b1": 3, "c1": 4}
    assert (landing.pull(), landing.rows("things"), landing.streams()) == (2, 5, ["things"])
    assert landing.pulled_at("things") == NOW


def test_a_row_knows_when_it_was_read(landing: Landing) -> None:
    full(landing, {"a1": 1, "a2": 2})
    delta(landing, {"a1": 10})
    frame = newest_rows(landing, "things", ("id", "read_at"))
    assert dict(zip(frame["id"], frame["read_at"], strict=True)) == {"a1": LATER, "a2": NOW}


def test_rows_that_are_gone_do_not_count_but_those_of_the_delta_do(landing: Landing) -> None:
    full(landing, {"a1": 1, "a2": 2, "b1": 3, "b2": 4})
    delta(landing, {"a2": 20}, Gone("things", "parent", "a"), Gone("things", "id", "b1"))
    assert seen(landing) == {"a2": 20, "b2": 4}
    delta(landing, {}, Gone("things", "parent+id", "a+a2"), Gone("things", "parent+id", "a+b2"))
    assert seen(landing) == {"b2": 4}
    delta(landing, {"a1": 5})
    assert seen(landing) == {"a1": 5, "b2": 4}


def test_a_delta_that_began_before_a_full_pull_does_not_hide_it(landing: Landing) -> None:
    full(landing, {"a1": 1})
    old = landing.begin_delta(NOW)
    old.void("things", "id", "b1")
    fill(old, {"a1": 2, "a2": 2})
    full(landing, {"a1": 3, "b1": 3}, now=LATER)
    old.close()
    assert seen(landing) == {"a1": 3, "b1": 3}


def test_a_delta_that_lands_while_a_full_pull_is_under_way_stays(landing: Landing) -> None:
    full(landing, {"a1": 1, "b1": 1})
    writer = landing.begin(NOW)
    fill(writer, {"a1": 2, "b1": 2})
    delta(landing, {"a1": 3}, Gone("things", "id", "b1"))
    assert seen(landing) == {"a1": 3}
    writer.close()
    assert seen(landing) == {"a1": 3}
    full(landing, {"a1": 4, "b1": 4}, now=LATER)
    assert seen(landing) == {"a1": 4, "b1": 4}


def test_of_two_deltas_the_one_that_began_later_stands(landing: Landing) -> None:
    full(landing, {"a1": 1})
    first, second = landing.begin_delta(NOW), landing.begin_delta(LATER)
    fill(second, {"a1": 3})
    second.close()
    fill(first, {"a1": 2})
    first.close()
    assert seen(landing) == {"a1": 3}


def test_a_view_does_not_change(landing: Landing) -> None:
    full(landing, {"a1": 1, "a2": 1})
    view = landing.view()
    delta(landing, {"a1": 2}, Gone("things", "id", "a2"))
    assert (len(view.files("things")), view.gone("things"), view.pull()) == (1, [], 1)
    assert seen(landing) == {"a1": 2}


def test_notes_are_kept_with_the_rows_of_a_delta_and_dropped_with_them(landing: Landing) -> None:
    with landing.begin(NOW) as writer:
        fill(writer, {"a1": 1})
        writer.notes["bookmark"] = 1
    writer = landing.begin_delta(LATER)
    writer.notes["bookmark"] = 2
    fill(writer, {"a1": 2})
    writer.abort()
    assert (landing.state(), seen(landing)) == ({"bookmark": 1}, {"a1": 1})
    with landing.begin_delta(LATER) as writer:
        writer.notes["bookmark"] = 3
    assert landing.state() == {"bookmark": 3}


def test_rows_of_a_delta_that_do_not_fit_are_kept_aside(landing: Landing) -> None:
    full(landing, {"a1": 1})
    values: dict[str, Any] = {"a1": "x", "a2": 2}
    delta(landing, values)
    assert seen(landing) == {"a1": 1, "a2": 2}
    assert landing.rejected()[["stream", "id"]].to_numpy().tolist() == [["things", "a1"]]


def test_a_fold_leaves_one_full_read_and_what_readers_see(landing: Landing, tmp_path: Path) -> None:
    full(landing, {"a1": 1, "a2": 2, "b1": 3})
    delta(landing, {"a1": 10, "c1": 4}, Gone("things", "id", "b1"))
    delta(landing, {"d1": 7}, Gone("others", "id", "b1"))
    before, pull = landing.view(), landing.pull()
    assert landing.compact() == ["others", "things"]
    (file,) = landing.files("things")
    assert file.name == "part-00000.parquet"
    assert seen(landing) == {"a1": 10, "a2": 2, "c1": 4, "d1": 7}
    assert (landing.pull(), landing.rows("things"), landing.gone("things")) == (pull, 4, [])
    assert (landing.pulled_at("things"), landing.streams()) == (NOW, ["things"])
    frame = newest_rows(landing, "things", ("id", "read_at"))
    assert dict(zip(frame["id"], frame["read_at"], strict=True))["a1"] == LATER
    assert dict(zip(frame["id"], frame["read_at"], strict=True))["a2"] == NOW
    assert all(path.exists() for path in before.files("things")), "a reader may still need them"
    assert landing.compact() == []
    Landing(tmp_path / "raw", clock=lambda: time.time() + KEPT_SECONDS + 1).sweep()
    assert not list((tmp_path / "raw" / "_deltas").iterdir())
    assert seen(landing) == {"a1": 10, "a2": 2, "c1": 4, "d1": 7}


def test_a_fold_does_not_forget_what_a_reading_under_way_needs(landing: Landing) -> None:
    full(landing, {"a1": 1})
    late = landing.begin_delta(NOW)
    fill(late, {"a1": 2, "a2": 2})
    delta(landing, {}, Gone("things", "parent", "a"))
    assert landing.compact() == []
    late.close()
    assert seen(landing) == {}
    assert landing.compact() == ["things"]
    assert seen(landing) == {}


def test_many_deltas_become_few(landing: Landing, tmp_path: Path) -> None:
    full(landing, {"a1": 1, "b1": 1})
    for number in range(MOST_DELTAS + 5):
        delta(landing, {"a1": number, f"c{number}": number}, Gone("things", "id", "b1"))
    assert len(landing.files("things")) < 8
    assert seen(landing) == {"a1": MOST_DELTAS + 4} | {f"c{n}": n for n in range(MOST_DELTAS + 5)}


def test_what_folded_deltas_declared_void_is_not_remembered(landing: Landing) -> None:
    full(landing, {"a": 1, "b": 1})
    for number in range(6):
        delta(landing, {"a": number}, Gone("things", "id", "b"))
        assert seen(landing) == {"a": number}
        landing.compact()
    delta(landing, {"a": 7}, Gone("things", "id", "b"))
    assert seen(landing) == {"a": 7}
    assert len(landing._gone_read) == 1


def test_deltas_are_not_merged_across_a_full_pull_under_way(landing: Landing) -> None:
    full(landing, {"a1": 1})
    delta(landing, {"x1": 1})
    delta(landing, {"y1": 1})
    writer = landing.begin(LATER)
    fill(writer, {"a1": 2})
    delta(landing, {"z1": 1})
    assert merge(root_of(landing)) == 2
    assert seen(landing) == {"a1": 1, "x1": 1, "y1": 1, "z1": 1}
    writer.close()
    assert seen(landing) == {"a1": 2, "z1": 1}


def test_rows_kept_aside_outlive_merging_and_folding(landing: Landing) -> None:
    full(landing, {"a1": 1})
    for odd in ("x", "y"):
        delta(landing, {"a1": odd})  # type: ignore[dict-item]
    assert merge(root_of(landing)) == 2
    assert len(landing.rejected()) == 2
    landing.compact()
    assert landing.rejected()["id"].tolist() == ["a1", "a1"]
    full(landing, {"a1": 2})
    assert len(landing.rejected()) == 0


def root_of(landing: Landing) -> Path:
    return landing._root


class Model:
    """What readers must see: rows with the number of the reading that brought them."""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[int, int]] = {}
        self.gone: dict[tuple[str, str], int] = {}
        self.full = 0

    def delta(self, number: int, rows: dict[str, int], gone: list[tuple[str, str]]) -> None:
        if number > self.full:
            for rule in gone:
                self.gone[rule] = max(number, self.gone.get(rule, 0))
            self._add(number, rows)

    def pull(self, number: int, rows: dict[str, int]) -> None:
        self.rows = {id_: row for id_, row in self.rows.items() if row[0] > number}
        self.gone = {rule: at for rule, at in self.gone.items() if at > number}
        self.full = number
        self._add(number, rows)

    def _add(self, number: int, rows: dict[str, int]) -> None:
        for id_, value in rows.items():
            self.rows[id_] = max(self.rows.get(id_, (0, 0)), (number, value))

    def seen(self) -> dict[str, int]:
        def stands(id_: str, number: int) -> bool:
            voided = max(self.gone.get(("id", id_), 0), self.gone.get(("parent", id_[0]), 0))
            return voided <= number

        return {id_: value for id_, (number, value) in self.rows.items() if stands(id_, number)}


IDS = st.sampled_from(["a1", "a2", "b1", "b2"])
ROWS = st.dictionaries(IDS, st.integers(0, 9), max_size=4)
GONE = st.lists(
    st.one_of(st.tuples(st.just("id"), IDS), st.tuples(st.just("parent"), st.sampled_from(["a", "b"]))),
    max_size=2,
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("delta"), ROWS, GONE),
        st.tuples(st.just("full"), ROWS, st.just([])),
        st.tuples(st.just("begin delta"), ROWS, GONE),
        st.tuples(st.just("begin full"), ROWS, st.just([])),
        st.tuples(st.sampled_from(["end", "fail", "merge", "fold"]), st.just({}), st.just([])),
    ),
    min_size=1,
    max_size=14,
)


Reading = tuple[LandingWriter, dict[str, int], list[tuple[str, str]]]


class Scenario:
    """A landing and what it must read like; readings may be under way."""

    def __init__(self, root: Path) -> None:
        self.landing, self.model = Landing(root), Model()
        self.under_way: list[Reading] = []

    def do(self, step: str, rows: dict[str, int], gone: list[tuple[str, str]]) -> None:
        if step.endswith("delta"):
            self.begin(self.landing.begin_delta(NOW, [Gone("things", *rule) for rule in gone]), rows, gone)
        elif step.endswith("full") and not any(type(one[0]) is LandingWriter for one in self.under_way):
            self.begin(self.landing.begin(NOW), rows, gone)
        elif step == "end" and self.under_way:
            self.end(self.under_way.pop(0))
        elif step == "fail" and self.under_way:
            self.under_way.pop(0)[0].abort()
        elif step == "merge":
            merge(root_of(self.landing))
        elif step == "fold":
            self.landing.compact()
        if step in ("delta", "full") and self.under_way:
            self.end(self.under_way.pop())

    def begin(self, writer: LandingWriter, rows: dict[str, int], gone: list[tuple[str, str]]) -> None:
        fill(writer, rows)
        self.under_way.append((writer, rows, gone))

    def end(self, reading: Reading) -> None:
        writer, rows, gone = reading
        writer.close()
        if isinstance(writer, DeltaWriter):
            self.model.delta(writer.number, rows, gone)
        else:
            self.model.pull(writer.number, rows)


@pytest.mark.slow
@given(STEPS)
@settings(max_examples=int(os.environ.get("SAASKPI_TEST_EXAMPLES", "25")), deadline=None)
def test_any_order_of_pulls_deltas_and_compactions_reads_like_a_dict(
    steps: list[tuple[str, dict[str, int], list[tuple[str, str]]]],
) -> None:
    with TemporaryDirectory() as folder:
        scenario = Scenario(Path(folder) / "raw")
        for step in steps:
            scenario.do(*step)
            assert framed(scenario.landing) == scenario.model.seen()
        for last in ("end", "fold"):
            while last == "end" and scenario.under_way:
                scenario.do("end", {}, [])
            scenario.do(last, {}, [])
            assert seen(scenario.landing) == scenario.model.seen()
