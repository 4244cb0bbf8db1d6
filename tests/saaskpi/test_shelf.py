"""The landing in the order of whom its rows belong to."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

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


def test_a_record_that_is_read_again_and_again_takes_the_room_of_one(tmp_path: Path) -> None:
    landing = Landing(tmp_path / "raw")
    with landing.begin(NOW) as writer:
        writer.describe("stripe_customers", COLUMNS)
        writer.add("stripe_customers", {"id": "cus_1", "name": "first"})
        writer.add("stripe_customers", {"id": "cus_2", "name": "other"})
    with Engine("200MB", 1) as engine:
        shelf = Shelf(engine, landing, tmp_path / "shelf", "200MB", 1)
        shelf.update()
        for number in range(5):
            read_again(landing, f"name {number}")
            shelf.update()
        held = engine.frame("delta_stripe_customers")
        assert held[["id", "name"]].to_numpy().tolist() == [["cus_1", "name 4"]]
        newest = engine.frame(shelf.rows("stripe_customers", "owner = 'cus_1'")).sort_values("_seq")
        assert newest["name"].tolist() == ["first", "name 4"]
