from __future__ import annotations

import os
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from singer_sdk.singerlib import ActivateVersionMessage, RecordMessage, SchemaMessage, StateMessage

from saaskpi.errors import DataError, StoreError
from warehouse import stream_file
from warehouse.deltas import KEPT_SECONDS
from warehouse.engine import Engine
from warehouse.landing import Landing
from warehouse.landing_writer import LandingWriter

NOW = datetime(2026, 10, 31, 12, tzinfo=UTC)
LATER = datetime(2026, 11, 1, 12, tzinfo=UTC)
SCHEMA = {
    "properties": {
        "id": {"type": "string"},
        "amount": {"type": ["null", "integer"]},
        "created": {"type": ["null", "string"], "format": "date-time"},
        "metadata": {"type": ["null", "object"]},
    }
}


def begin_stream(writer: LandingWriter, stream: str = "things", schema: dict[str, Any] = SCHEMA) -> None:
    writer.write_message(SchemaMessage(stream, schema, ["id"]))


def write(writer: LandingWriter, *records: dict[str, Any], stream: str = "things") -> None:
    for record in records:
        writer.write_message(RecordMessage(stream, record))


def pull(
    landing: Landing, *records: dict[str, Any], stream: str = "things", now: datetime = NOW
) -> LandingWriter:
    with landing.begin(now) as writer:
        begin_stream(writer, stream)
        write(writer, *records, stream=stream)
    return writer


def fail(landing: Landing) -> None:
    """A pull that breaks off after a state and a record."""
    with landing.begin(LATER) as writer:
        begin_stream(writer)
        write(writer, {"id": "new"})
        writer.write_message(StateMessage({"bookmarks": {}}))
        write(writer, {"id": "new"}, stream="unknown")


def rows(landing: Landing, stream: str = "things") -> list[dict[str, Any]]:
    return [
        row for file in landing.files(stream) for row in pq.read_table(file, partitioning=None).to_pylist()
    ]


def ids(landing: Landing, stream: str = "things") -> list[str]:
    return [row["id"] for row in rows(landing, stream)]


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return Landing(tmp_path / "raw")


def test_a_record_lands_typed_with_its_raw_text_and_number(landing: Landing) -> None:
    record = {"id": "a", "amount": 5, "created": "2026-10-31T10:00:00Z", "metadata": {"k": "v"}, "extra": 1}
    writer = pull(landing, record)
    assert rows(landing) == [
        {
            "id": "a",
            "amount": 5,
            "created": datetime.fromisoformat("2026-10-31T10:00:00"),
            "metadata": '{"k":"v"}',
            "_raw": '{"id":"a","amount":5,"created":"2026-10-31T10:00:00Z","metadata":{"k":"v"},"extra":1}',
            "_seq": (1 << 32) + 1,
        }
    ]
    assert (writer.rows, writer.rejected) == ({"things": 1}, {})
    assert landing.pulled_at("things") == NOW
    assert landing.rows("things") == 1


def test_a_stream_without_rows_leaves_one_typed_file(landing: Landing) -> None:
    pull(landing)
    (file,) = landing.files("things")
    table = pq.read_table(file, partitioning=None)
    assert (len(table), table.schema.field("amount").type) == (0, pa.int64())


def test_the_number_of_a_row_rises_over_all_pulls(landing: Landing) -> None:
    pull(landing, {"id": "a"}, {"id": "b"})
    pull(landing, {"id": "a"}, stream="others")
    pull(landing, {"id": "a"}, now=LATER)
    assert [row["_seq"] for row in rows(landing)] == [(3 << 32) + 1]


def test_a_record_delivered_twice_lands_twice_and_the_later_has_the_higher_number(landing: Landing) -> None:
    pull(landing, {"id": "a", "amount": 1}, {"id": "a", "amount": 2})
    first = 1 << 32
    assert [(row["amount"], row["_seq"]) for row in rows(landing)] == [(1, first + 1), (2, first + 2)]


def test_nothing_shows_before_the_pull_is_whole(landing: Landing) -> None:
    pull(landing, {"id": "old"})
    writer = landing.begin(LATER)
    begin_stream(writer)
    write(writer, {"id": "new"})
    assert ids(landing) == ["old"]
    writer.close()
    assert ids(landing) == ["new"]
    assert landing.pulled_at("things") == LATER


def test_a_pull_that_fails_leaves_the_former_state(landing: Landing) -> None:
    pull(landing, {"id": "old"})
    with pytest.raises(DataError):
        fail(landing)
    assert (ids(landing), landing.pull()) == (["old"], 1)
    pull(landing, {"id": "next"}, now=LATER)
    assert (ids(landing), landing.pull()) == (["next"], 2)


def test_streams_that_a_pull_does_not_read_stay_but_are_none_of_the_last_pull(landing: Landing) -> None:
    pull(landing, {"id": "a"})
    pull(landing, {"id": "b"}, stream="others", now=LATER)
    assert landing.streams() == ["others"]
    assert (ids(landing), landing.pulled_at("things")) == (["a"], NOW)


def test_rows_that_do_not_fit_are_kept_aside_with_their_reason(landing: Landing) -> None:
    odd = "\ud800"
    writer = pull(
        landing, {"id": "a"}, {"id": "b", "amount": 1.5}, {"amount": 3}, {"id": "c", "metadata": odd}
    )
    assert ids(landing) == ["a"]
    assert (writer.rows, writer.rejected) == ({"things": 1}, {"things": 3})
    kept = landing.rejected()
    assert kept[["stream", "id", "reason"]].to_numpy().tolist() == [
        ["things", "b", "field 'amount' is not integer"],
        ["things", "None", "key field 'id' is missing"],
        ["things", "c", "field 'metadata' is not JSON"],
    ]
    pull(landing, {"id": "a"}, now=LATER)
    assert len(landing.rejected()) == 0


@pytest.mark.parametrize(
    "group_rows, expected",
    [(3, [3, 3, 2, 1]), (4, [6, 2, 1]), (100, [8, 1])],
    ids=["each batch", "two batches", "until the large row"],
)
def test_row_groups_end_by_rows_and_by_bytes(
    landing: Landing, monkeypatch: pytest.MonkeyPatch, group_rows: int, expected: list[int]
) -> None:
    monkeypatch.setattr(stream_file, "MAX_ROWS", 3)
    monkeypatch.setattr(stream_file, "GROUP_ROWS", group_rows)
    monkeypatch.setattr(stream_file, "MAX_BYTES", 2000)
    pull(landing, *({"id": str(number)} for number in range(7)), {"id": "x" * 2000}, {"id": "last"})
    (file,) = landing.files("things")
    groups = pq.ParquetFile(file).metadata
    assert [groups.row_group(n).num_rows for n in range(groups.num_row_groups)] == expected
    assert len(ids(landing)) == 9


def test_a_schema_sent_again_changes_nothing_and_a_wider_one_begins_a_file(landing: Landing) -> None:
    wider = {"properties": {**SCHEMA["properties"], "more": {"type": "string"}}}
    with landing.begin(NOW) as writer:
        for schema, id_ in ((SCHEMA, "a"), (SCHEMA, "b"), (wider, "c")):
            begin_stream(writer, schema=schema)
            write(writer, {"id": id_, "more": "m"})
    files = landing.files("things")
    assert [file.name for file in files] == ["part-00000.parquet", "part-00001.parquet"]
    with Engine() as engine:
        engine.register_files("things", files)
        frame = engine.frame("SELECT id, more FROM things ORDER BY id")
    assert frame["more"].fillna("").tolist() == ["", "", "m"]


def test_the_state_is_committed_with_the_rows(landing: Landing) -> None:
    with landing.begin(NOW) as writer:
        begin_stream(writer)
        state = {"bookmarks": {"things": {"value": "x"}}}
        writer.write_message(StateMessage(state))
        state["bookmarks"]["things"]["value"] = "changed later"
        writer.write_message(ActivateVersionMessage("things", 1))
        assert landing.state() == {}
    assert landing.state() == {"bookmarks": {"things": {"value": "x"}}}
    with pytest.raises(DataError):
        fail(landing)
    assert landing.state() == {"bookmarks": {"things": {"value": "x"}}}


def test_what_stopped_to_count_is_swept_half_an_hour_later(tmp_path: Path) -> None:
    past = Landing(tmp_path / "raw", clock=lambda: time.time() - 1)
    later = Landing(tmp_path / "raw", clock=lambda: time.time() + KEPT_SECONDS + 1)
    for number in range(3):
        pull(past, {"id": str(number), "amount": number / 2})
    assert len(list((tmp_path / "raw" / "things").iterdir())) == 3
    later.sweep()
    assert [path.name for path in (tmp_path / "raw" / "things").iterdir()] == ["full-0000000003"]
    assert [path.name for path in (tmp_path / "raw/_rejected/things").iterdir()] == []
    assert ids(later) == ["2"]


def test_a_read_under_way_survives_the_next_pull(landing: Landing) -> None:
    pull(landing, {"id": "old"})
    files = landing.files("things")
    pull(landing, {"id": "new"}, now=LATER)
    assert pq.read_table(files[0], partitioning=None)["id"].to_pylist() == ["old"]


def test_two_pulls_at_once_are_refused(landing: Landing) -> None:
    writer = landing.begin(NOW)
    with pytest.raises(StoreError, match="under way"):
        landing.begin(NOW)
    writer.abort()
    landing.begin(NOW).abort()


def test_leftovers_between_rename_and_commit_are_swept(landing: Landing, tmp_path: Path) -> None:
    pull(landing, {"id": "old"})
    things = tmp_path / "raw" / "things"
    shutil.copytree(things / "full-0000000001", things / "full-0000000002")
    assert ids(landing) == ["old"]
    pull(landing, {"id": "new"}, now=LATER)
    assert ids(landing) == ["new"]


@pytest.mark.parametrize("content", [b"", b"{", b'{"pull": "x"}', b'{"version": 99}', b"\xff"])
def test_a_manifest_that_cannot_be_read_is_a_store_error(
    landing: Landing, tmp_path: Path, content: bytes
) -> None:
    pull(landing, {"id": "a"})
    (tmp_path / "raw" / "pull.json").write_bytes(content)
    with pytest.raises(StoreError) as caught:
        landing.files("things")
    assert caught.value.hint


def test_files_that_are_gone_are_a_store_error(landing: Landing, tmp_path: Path) -> None:
    pull(landing, {"id": "a"})
    shutil.rmtree(tmp_path / "raw" / "things")
    with pytest.raises(StoreError, match="gone"):
        landing.files("things")


def test_a_disk_that_refuses_is_a_store_error_and_leaves_the_former_state(
    landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull(landing, {"id": "old"})

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    writer = landing.begin(LATER)
    begin_stream(writer)
    write(writer, {"id": "new"})
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(StoreError, match="No space left"):
            writer.close()
    assert ids(landing) == ["old"]
    pull(landing, {"id": "new"}, now=LATER)


def test_a_full_disk_while_a_file_ends_is_a_store_error_too(
    landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull(landing, {"id": "old"})

    def full(writer: pq.ParquetWriter) -> None:
        writer.is_open = False
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(pq.ParquetWriter, "close", full)
        with pytest.raises(StoreError, match="No space left"):
            pull(landing, {"id": "new"}, now=LATER)
    assert ids(landing) == ["old"]
    pull(landing, {"id": "new"}, now=LATER)


def test_nothing_read_yet(landing: Landing) -> None:
    assert (landing.streams(), landing.files("things"), landing.pull(), landing.rows("things")) == (
        [],
        [],
        0,
        0,
    )
    with pytest.raises(StoreError, match="has not been read"):
        landing.pulled_at("things")


def test_messages_that_cannot_land_are_data_errors(landing: Landing) -> None:
    writer = landing.begin(NOW)
    with pytest.raises(DataError, match="before its schema"):
        write(writer, {"id": "a"})
    with pytest.raises(DataError, match="name of a stream"):
        begin_stream(writer, "../escape")
    writer.abort()


def test_a_watcher_hears_how_far_it_is(landing: Landing) -> None:
    heard: list[tuple[str, int]] = []
    with landing.begin(NOW) as writer:
        writer.watch = lambda stream, count: heard.append((stream, count))
        begin_stream(writer)
        write(writer, *({"id": str(number)} for number in range(501)))
    assert heard == [("things", 1), ("things", 501)]
