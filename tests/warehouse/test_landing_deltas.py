"""Deltas beside full reads: what began to be read later stands, whichever lands first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from crm_sync.inputs import newest_rows
from warehouse.columns import columns_of
from warehouse.deltas import Gone
from warehouse.engine import Engine
from warehouse.landing import Landing
from warehouse.landing_writer import LandingWriter

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


def seen(landing: Landing, stream: str = "things") -> dict[str, int]:
    """What readers see, in both ways of reading."""
    frame = newest_rows(landing, stream, ("id", "value"))
    by_frame = dict(zip(frame["id"], frame["value"].map(int), strict=True))
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
