"""Files of usage events: what is read, what is kept aside, and when a file is read again."""

from __future__ import annotations

import gzip
import json
import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enrichment.facts.usage import USAGE_EVENTS
from enrichment.frames import records
from saaskpi.errors import UsageError
from saaskpi.settings import UsageSourceSettings
from saaskpi.usage.reading import UsageRead, read_usage

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
HEADER = "account,user,event,at,quantity\n"


class Desk:
    """Writes files and reads them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.out = folder / "usage"

    def write(self, content: str | bytes, name: str = "usage.csv") -> Path:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def read(self, *paths: Path, now: datetime = NOW, **columns: Any) -> UsageRead:
        sources = [UsageSourceSettings(file=path, **columns) for path in paths]
        return read_usage(sources, self.out, now, threads=1)

    def csv(self, *rows: str, **columns: Any) -> UsageRead:
        return self.read(self.write(HEADER + "".join(f"{row}\n" for row in rows)), **columns)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def rows(read: UsageRead) -> list[dict[str, Any]]:
    frame = pd.concat([pd.read_parquet(path) for path in read.files])[list(USAGE_EVENTS)]
    return records(frame.astype({"at": object, "known_at": object}))


def reasons(read: UsageRead) -> dict[str, int]:
    return {aside.reason: aside.rows for aside in read.asides}


def test_a_row_becomes_an_event(desk: Desk) -> None:
    read = desk.csv(" cus_1 ,ann,login,2026-10-01T10:00:00+02:00,2.5", key="domain")
    assert rows(read) == [
        {
            "key_kind": "domain",
            "account_key": "cus_1",
            "user_id": "ann",
            "event": "login",
            "at": pd.Timestamp("2026-10-01 08:00:00"),
            "quantity": 2.5,
            "known_at": pd.Timestamp("2026-10-01 08:00:00"),
            "source": "usage.csv",
        }
    ]
    assert (read.rows, read.asides, read.kept) == ({"usage.csv": 1}, (), ())


def test_files_of_one_name_are_counted_together(desk: Desk) -> None:
    row = f"{HEADER}cus_1,ann,login,2026-10-01,1\n"
    (desk.folder / "other").mkdir()
    read = desk.read(desk.write(row), desk.write(row, "other/usage.csv"))
    assert (read.rows, len(rows(read))) == ({"usage.csv": 2}, 2)


def test_equal_rows_are_two_events_and_the_same_file_read_twice_is_one(desk: Desk) -> None:
    row = "cus_1,ann,login,2026-10-01,1"
    assert len(rows(desk.csv(row, row))) == 2
    path = desk.folder / "usage.csv"
    assert len(rows(desk.read(path, path))) == 2


@pytest.mark.parametrize(
    "text, moment",
    [
        ("2026-10-01", "2026-10-01"),
        ("2026-10-01 07:08:09.123456", "2026-10-01 07:08:09.123456"),
        ("2026-10-01T07:08:09Z", "2026-10-01 07:08:09"),
        ("2026-10-01T07:08:09-0330", "2026-10-01 10:38:09"),
        ("1759302489", "2025-10-01 07:08:09"),
        ("1759302489123", "2025-10-01 07:08:09.123"),
        ("2026-11-01T12:00:00Z", "2026-11-01 12:00:00"),
    ],
)
def test_times_are_read_as_people_write_them(desk: Desk, text: str, moment: str) -> None:
    [row] = rows(desk.csv(f"cus_1,ann,login,{text},1"))
    assert row["at"] == pd.Timestamp(moment)


@pytest.mark.parametrize(
    "row, reason",
    [
        ("cus_1,ann,login,2026-10-01,NaN", "The quantity is not finite."),
        ("cus_1,ann,login,2026-10-01,-inf", "The quantity is not finite."),
        ("cus_1,ann,login,2026-10-01,1e999", "The quantity is not finite."),
        ("cus_1,ann,login,2026-10-01,-0.5", "The quantity is below 0."),
        ("cus_1,ann,login,2026-10-01,", "The quantity is no number."),
        ("cus_1,ann,login,2026-10-01,lots", "The quantity is no number."),
        (",ann,login,2026-10-01,1", "The account is empty."),
        ("  ,ann,login,2026-10-01,1", "The account is empty."),
        ("cus_1,ann,,2026-10-01,1", "The event is empty."),
        ("cus_1", "The line has fewer columns than the header."),
        ("cus_1,ann,login,01/10/2026,1", "The time cannot be read: write it like 2026-10-31T12:00:00Z."),
        ("cus_1,ann,login,2026-02-30,1", "The time cannot be read: write it like 2026-10-31T12:00:00Z."),
        ("cus_1,ann,login,20261001,1", "The time cannot be read: write it like 2026-10-31T12:00:00Z."),
        ("cus_1,ann,login,,1", "The time cannot be read: write it like 2026-10-31T12:00:00Z."),
        ("cus_1,ann,login,1969-12-31T23:59:59Z,1", "It lies before 1970."),
        ("cus_1,ann,login,1970-01-01,1", "It lies before 1970."),
        ("cus_1,ann,login,2026-11-01T12:00:01Z,1", "It lies in the future."),
        ("cus_1,ann,login,infinity,1", "It lies in the future."),
        ("cus_1,ann,login,2026-10-01,1,9", "The line has more columns than the header."),
        ('cus_1,ann,"log"in,2026-10-01,1', "A quotation mark is never closed, or text follows it."),
    ],
)
def test_a_bad_row_is_kept_aside_and_the_good_ones_stand(desk: Desk, row: str, reason: str) -> None:
    good = "cus_1,ann,login,2026-10-02,1"
    read = desk.csv(good, row, good)
    assert reasons(read) == {reason: 1}
    assert len(rows(read)) == 2
    [(stream, name, told)] = read.rejected
    assert (stream, told) == ("usage_events", f"{reason} One of 1 rows.")
    assert name.startswith("usage.csv: ")
    assert list(pd.read_parquet(read.kept[0])["reason"]) == [reason]


def test_a_line_that_is_not_utf_8_is_kept_aside(desk: Desk) -> None:
    good = b"cus_1,ann,login,2026-10-01,1\n"
    read = desk.read(desk.write(HEADER.encode() + good + b"cus_1,\xff,login,2026-10-01,1\n" + good))
    assert (read.rows["usage.csv"], reasons(read)) == (2, {"The line is not UTF-8.": 1})


def test_a_line_as_long_as_a_book_is_kept_aside(desk: Desk) -> None:
    good = "cus_1,ann,login,2026-10-01,1"
    read = desk.csv(good, f"cus_1,{'x' * 3_000_000},login,2026-10-01,1", good)
    assert (read.rows["usage.csv"], reasons(read)) == (2, {"The line is longer than 2 MB.": 1})


def test_blank_lines_are_no_rows(desk: Desk) -> None:
    read = desk.csv("", "cus_1,ann,login,2026-10-01,1", "", "")
    assert (read.rows["usage.csv"], read.asides) == (1, ())


def test_many_bad_rows_are_counted_and_some_are_shown(desk: Desk) -> None:
    read = desk.csv(*[f"cus_{number},ann,login,2026-10-01,-1" for number in range(250)])
    assert (read.rows["usage.csv"], reasons(read)) == (0, {"The quantity is below 0.": 250})
    assert len(read.rejected) == 100
    assert len(pd.read_parquet(read.kept[0])) == 250


def test_no_user_stands_among_the_examples(desk: Desk) -> None:
    read = desk.csv("cus_1,ann@globex.com,login,2026-10-01,-1")
    assert read.asides[0].examples == ("cus_1, login, 2026-10-01, -1",)


def test_users_and_quantities_may_be_missing_unless_they_are_named(desk: Desk) -> None:
    path = desk.write("account,event,at\ncus_1,login,2026-10-01\n")
    [row] = rows(desk.read(path))
    assert (row["user_id"], row["quantity"]) == (None, 1)
    with pytest.raises(UsageError, match=r"has no column 'seats' \(quantity\)"):
        desk.read(path, quantity="seats")


@pytest.mark.parametrize("cell", ["account", "event", "at"])
def test_a_column_that_is_needed_and_missing_is_an_error(desk: Desk, cell: str) -> None:
    path = desk.write(HEADER + "cus_1,ann,login,2026-10-01,1\n")
    with pytest.raises(UsageError, match="has no column 'nowhere'") as caught:
        read_usage([UsageSourceSettings.model_validate({"file": path, cell: "nowhere"})], desk.out, NOW)
    assert "It has account, user, event, at, quantity." in caught.value.hint


def test_columns_have_the_names_of_the_settings(desk: Desk) -> None:
    text = 'Tenant;"When; UTC";What;Tenant\nglobex;2026-10-01;login;other\n'
    [row] = rows(desk.read(desk.write(text), account="Tenant", at="When; UTC", event="What"))
    assert (row["account_key"], row["event"]) == ("globex", "login")


def test_what_was_known_later_is_said(desk: Desk) -> None:
    text = "account,event,at,loaded\n"
    for loaded in ("2026-10-05", "", "2026-12-01"):
        text += f"cus_1,login,2026-10-01,{loaded}\n"
    read = desk.read(desk.write(text), known_at="loaded")
    [row] = rows(read)
    assert row["known_at"] == pd.Timestamp("2026-10-05")
    assert set(reasons(read)) == {
        "When it was known cannot be read.",
        "It is said to be known only in the future.",
    }


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["unix", "windows"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "byte-order-mark"])
def test_files_of_other_systems_are_read(desk: Desk, end: str, mark: str) -> None:
    read = desk.read(desk.write(mark + HEADER.strip() + end + "cus_1,ann,login,2026-10-01,1" + end))
    assert (len(rows(read)), read.asides) == (1, ())


def test_mixed_line_ends_are_an_error_that_says_so(desk: Desk) -> None:
    row = "cus_1,ann,login,2026-10-01,1"
    path = desk.write(f"{HEADER}{row}\n{row}\r\n{row}\n")
    with pytest.raises(UsageError, match=r"usage\.csv") as caught:
        desk.read(path)
    assert "one kind of line end" in caught.value.hint


def test_packed_files_are_read(desk: Desk) -> None:
    text = f"{HEADER}cus_1,ann,login,2026-10-01,1\n".encode()
    path = desk.write(gzip.compress(text), "usage.csv.gz")
    assert len(rows(desk.read(path))) == 1


@pytest.mark.parametrize("content", ["", "\n"], ids=["nothing", "a-line-end"])
def test_an_empty_file_is_an_error(desk: Desk, content: str) -> None:
    with pytest.raises(UsageError, match="is empty"):
        desk.read(desk.write(content))


@pytest.mark.parametrize(
    "content", ["account,event,at\n".encode("utf-16"), b"PAR1\0\0\0"], ids=["utf-16", "binary"]
)
def test_a_file_of_another_kind_is_an_error(desk: Desk, content: bytes) -> None:
    with pytest.raises(UsageError, match=r"is not a text file in UTF-8"):
        desk.read(desk.write(content))


def test_a_damaged_packed_file_is_an_error(desk: Desk) -> None:
    with pytest.raises(UsageError, match=r"usage\.csv\.gz"):
        desk.read(desk.write(b"not packed", "usage.csv.gz"))


def test_a_missing_file_is_an_error(desk: Desk) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.csv cannot be read: No such file") as caught:
        desk.read(desk.folder / "nowhere.csv")
    assert caught.value.hint == "Check usage.sources."


@pytest.mark.parametrize("key", ["email", "stripe.metadata.", "hubspot."])
def test_an_unknown_key_is_an_error(desk: Desk, key: str) -> None:
    with pytest.raises(UsageError, match="unknown key"):
        desk.csv("cus_1,ann,login,2026-10-01,1", key=key)


def test_json_lines_are_read(desk: Desk) -> None:
    lines = [
        {"tenant/id": "cus_1", "event": "login", "at": "2026-10-01T00:00:00Z", "quantity": 2},
        {"tenant/id": "cus_1", "event": "login", "at": 1759302489, "quantity": "3"},
        {"tenant/id": 7, "event": "login", "at": "2026-10-01", "quantity": 1e2, "user": "ann"},
        {"tenant/id": "cus_1", "event": "login", "at": "2026-10-01", "quantity": float("nan")},
        {"tenant/id": "cus_1", "event": "login", "at": "2026-10-01", "quantity": True},
        {"tenant/id": "cus_1", "event": "login", "at": "2026-10-01"},
        ["cus_1"],
    ]
    text = "\n".join(map(json.dumps, lines)) + "\n\nnonsense\n{"
    read = desk.read(desk.write(text, "usage.jsonl"), account="tenant/id")
    found = rows(read)
    assert sorted((row["account_key"], row["quantity"]) for row in found) == [
        ("7", 100),
        ("cus_1", 2),
        ("cus_1", 3),
    ]
    assert reasons(read) == {
        "The quantity is not finite.": 1,
        "The quantity is no number.": 2,
        "The account is empty.": 1,
        "The line is no JSON.": 2,
    }


def _singer(stream: str, **record: Any) -> str:
    return json.dumps({"type": "RECORD", "stream": stream, "record": record})


def test_records_of_the_chosen_stream_are_read(desk: Desk) -> None:
    use = {"account": "cus_1", "event": "login", "at": "2026-10-01"}
    schema = {"type": "SCHEMA", "stream": "events", "schema": {}, "key_properties": ["id"]}
    lines = [json.dumps(schema), _singer("events", **use), _singer("events", **use), _singer("pages", **use)]
    path = desk.write("\n".join([*lines, json.dumps({"type": "STATE", "value": {}})]), "tap.jsonl")
    assert len(rows(desk.read(path, stream="events"))) == 2
    assert len(rows(desk.read(path))) == 3, "without a stream every one"
    with pytest.raises(UsageError, match="no record of the stream clicks") as caught:
        desk.read(path, stream="clicks")
    assert caught.value.hint == "It has events, pages."


def test_a_stream_may_come_after_a_long_other_one(desk: Desk) -> None:
    use = {"account": "cus_1", "event": "login", "at": "2026-10-01"}
    lines = [*[_singer("others", id=number) for number in range(3_000)], _singer("events", **use)]
    assert len(rows(desk.read(desk.write("\n".join(lines), "tap.jsonl"), stream="events"))) == 1


def test_a_file_that_stands_as_it_was_is_not_read_again(desk: Desk) -> None:
    first = desk.csv("cus_1,ann,login,2026-10-01,1", "cus_1,ann,login,2026-10-01,-1")
    written = {path: path.stat().st_mtime_ns for path in (*first.files, *first.kept)}
    again = desk.read(desk.folder / "usage.csv", now=NOW + timedelta(days=1))
    assert again == first
    assert {path: path.stat().st_mtime_ns for path in (*again.files, *again.kept)} == written


def test_a_changed_file_replaces_what_it_was(desk: Desk) -> None:
    desk.csv("cus_1,ann,login,2026-10-01,1")
    read = desk.csv("cus_2,ann,login,2026-10-01,1", "cus_3,ann,login,2026-10-01,1")
    assert [row["account_key"] for row in rows(read)] == ["cus_2", "cus_3"]
    os.utime(desk.folder / "usage.csv", ns=(1, 1))
    assert len(rows(desk.read(desk.folder / "usage.csv"))) == 2


def test_other_settings_read_the_file_again_and_leave_nothing_behind(desk: Desk) -> None:
    desk.csv("cus_1,ann,login,2026-10-01,1")
    read = desk.read(desk.folder / "usage.csv", key="domain")
    assert [row["key_kind"] for row in rows(read)] == ["domain"]
    assert list(desk.out.glob("*.parquet")) == list(read.files)
    assert desk.read() == UsageRead((), (), {}, ())
    assert list(desk.out.glob("usage_*")) == []


def test_a_row_that_lay_in_the_future_is_read_when_it_is_due(desk: Desk) -> None:
    read = desk.csv("cus_1,ann,login,2026-11-03,1")
    assert reasons(read) == {"It lies in the future.": 1}
    path = desk.folder / "usage.csv"
    assert rows(desk.read(path, now=NOW + timedelta(days=1))) == []
    assert len(rows(desk.read(path, now=NOW + timedelta(days=2)))) == 1


@pytest.mark.parametrize("suffix", [".parquet", ".json"])
def test_what_is_lost_is_read_again(desk: Desk, suffix: str) -> None:
    read = desk.csv("cus_1,ann,login,2026-10-01,1")
    read.files[0].with_suffix(suffix).unlink()
    assert len(rows(desk.read(desk.folder / "usage.csv"))) == 1


def test_without_sources_nothing_is_made(desk: Desk) -> None:
    assert desk.read() == UsageRead((), (), {}, ())
    assert not desk.out.exists()


CELLS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12
) | st.sampled_from(
    ["cus_1", "login", "2026-10-01", "1", "-1", "nan", "inf", '"', ",", "\n", "\r\n", "1e400", "9" * 30]
)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS, CELLS), max_size=8))
def test_every_row_is_used_or_kept_aside(desk: Desk, table: list[tuple[str, ...]]) -> None:
    # Line ends inside quotes, quotes, commas and letters of every kind: what pandas writes is one row each.
    frame = pd.DataFrame(table, columns=["account", "user", "event", "at", "quantity"])
    path = desk.folder / "drawn.csv"
    frame.to_csv(path, index=False, quoting=1, lineterminator="\n")
    read = desk.read(path)
    counted = Counter(read.rows) + Counter({aside.source: 0 for aside in read.asides})
    assert counted["drawn.csv"] + sum(aside.rows for aside in read.asides) == len(table)
