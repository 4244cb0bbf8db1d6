"""The landing in the order of whom its rows belong to."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from saaskpi.errors import StoreError
from saaskpi.shelf import Shelf
from warehouse.columns import columns_of
from warehouse.engine import Engine
from warehouse.landing import Landing

NOW = datetime(2026, 10, 31, 12, tzinfo=UTC)
COLUMNS = columns_of({"properties": {"id": {"type": "string"}, "name": {"type": ["null", "string"]}}}, ["id"])


def read_again(landing: Landing, name: str) -> None:
    with landing.begin_delta(NOW, ()) as writer:
        writer.describe("stripe_customers", COLUMNS)
        writer.add("stripe_customers", {"id": "cus_1", "name": name})


def test_a_record_that_is_read_again_and_again_takes_the_room_of_a_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("saaskpi.shelf.FEW_ROWS", 3)
    landing = Landing(tmp_path / "raw")
    with landing.begin(NOW) as writer:
        writer.describe("stripe_customers", COLUMNS)
        writer.add("stripe_customers", {"id": "cus_1", "name": "first"})
        writer.add("stripe_customers", {"id": "cus_2", "name": "other"})
    with Engine("200MB", 1) as engine:
        shelf = Shelf(engine, landing, tmp_path / "shelf", "200MB", 1)
        shelf.update()
        for number in range(20):
            read_again(landing, f"name {number}")
            if number % 4 == 3:
                landing.merge_deltas(more_than=2)
            shelf.update()
            held = engine.frame("delta_stripe_customers").sort_values("_seq")
            assert len(held) <= 1 + 1 + 3
            assert held["_seq"].is_unique
            assert held.iloc[-1][["id", "name"]].tolist() == ["cus_1", f"name {number}"]
        newest = engine.frame(shelf.rows("stripe_customers", "owner = 'cus_1'")).sort_values("_seq")
        assert newest["name"].tolist()[:: len(newest) - 1] == ["first", "name 19"]


def test_what_was_taken_out_ahead_needs_no_file_any_more(tmp_path: Path) -> None:
    landing = Landing(tmp_path / "raw")
    with landing.begin(NOW) as writer:
        writer.describe("stripe_customers", COLUMNS)
        for id_ in ("cus_1", "cus_2"):
            writer.add("stripe_customers", {"id": id_, "name": "first"})
    with Engine("200MB", 1) as engine:
        shelf = Shelf(engine, landing, tmp_path / "shelf", "200MB", 1)
        shelf.update()

        def names(id_: str) -> list[str]:
            return sorted(engine.frame(shelf.rows("stripe_customers", f"owner = '{id_}'"))["name"])

        with shelf.ahead():
            assert names("cus_1") == ["first"]
        read_again(landing, "second")
        shelf.update()
        (copy,) = (tmp_path / "shelf").glob("*/stripe_customers.parquet")
        copy.rename(tmp_path / "away")
        assert names("cus_1") == ["first", "second"]
        with pytest.raises(StoreError):
            names("cus_2")
        (tmp_path / "away").rename(copy)
        shelf.forget_ahead()
        assert names("cus_1") == ["first", "second"]
        with shelf.ahead():
            names("cus_1")
        landing.compact()
        shelf.update()
        assert names("cus_1") == ["second"], "of another copy nothing was taken out yet"
