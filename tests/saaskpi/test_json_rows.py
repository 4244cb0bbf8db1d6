"""Files of JSON lines: a tap's saved output, or plain records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saaskpi.errors import UsageError
from saaskpi.json_rows import read_json_rows
from saaskpi.spend import STREAM, read_spend

OCTOBER = {"month": "2026-10", "currency": "EUR", "amount": 1234.5}
SEPTEMBER = {"month": "2026-09", "currency": "EUR", "amount": "10"}


def file_of(folder: Path, *lines: Any) -> Path:
    path = folder / "tap.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    return path


def record(row: Any, stream: str = STREAM) -> dict[str, Any]:
    return {"type": "RECORD", "stream": stream, "record": row}


def schema(*keys: str) -> dict[str, Any]:
    return {"type": "SCHEMA", "stream": STREAM, "schema": {}, "key_properties": list(keys)}


def amounts(path: Path) -> dict[str, int]:
    table = read_spend(path).table
    return dict(zip(table["month"], table["amount"], strict=True))


BOTH = {"2026-10": 123450, "2026-09": 1000}


def test_records_and_the_messages_of_a_tap_are_the_same(tmp_path: Path) -> None:
    assert amounts(file_of(tmp_path, OCTOBER, "", SEPTEMBER)) == BOTH
    other = record({"id": 1}, "campaigns")
    state = {"type": "STATE", "value": {}}
    assert amounts(file_of(tmp_path, schema(), record(OCTOBER), other, record(SEPTEMBER), state)) == BOTH


def test_the_last_record_of_a_key_stands_and_others_add_up(tmp_path: Path) -> None:
    again = record(OCTOBER | {"amount": 2})
    assert amounts(file_of(tmp_path, schema("month"), record(OCTOBER), again)) == {"2026-10": 200}
    assert amounts(file_of(tmp_path, schema(), record(OCTOBER), again)) == {"2026-10": 123650}


def test_a_column_named_type_makes_no_message(tmp_path: Path) -> None:
    path = file_of(tmp_path, OCTOBER | {"type": "RECORD"}, SEPTEMBER | {"Type": "ads"})
    assert amounts(path) == BOTH


def test_numbers_are_taken_as_they_stand(tmp_path: Path) -> None:
    path = file_of(tmp_path, '{"a": 0.1000000000000000055, "b": 5e-05, "c": 12, "d": 1e999999999, "e": NaN}')
    row = read_json_rows(path, STREAM).rows[1]
    assert list(row.values()) == ["0.1000000000000000055", "0.00005", "12", "1e999999999", "NaN"]


def test_what_cannot_be_read_is_named_by_its_line(tmp_path: Path) -> None:
    batch = {"type": "BATCH", "stream": STREAM, "manifest": []}
    spend = read_spend(file_of(tmp_path, "{", OCTOBER | {"amount": None}, OCTOBER, "[]", batch, record([])))
    assert [kept.row for kept in spend.rejected] == [1, 2, 4, 5, 6]
    assert spend.table["amount"].tolist() == [123450]


@pytest.mark.parametrize(
    "lines, words",
    [
        ([record(OCTOBER, "ads")], "no record of the stream marketing_spend.*the streams ads"),
        (["month,currency"], "no record.*line 1: The line is no JSON"),
        ([], "no record of the stream"),
        ([{"month": "2026-10"}], "tap.jsonl: The spend table has the columns month.*currency and amount"),
    ],
)
def test_a_file_of_something_else_is_said(tmp_path: Path, lines: list[Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read_spend(file_of(tmp_path, *lines))


def test_a_file_that_is_none_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_spend(tmp_path / "none.jsonl")


@given(st.binary(max_size=60))
@settings(max_examples=50, deadline=None)
def test_no_line_breaks_it(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("spend") / "spend.jsonl"
    path.write_bytes(json.dumps(OCTOBER).encode() + b"\n" + content)
    try:
        content.decode()
    except UnicodeDecodeError:
        with pytest.raises(UsageError, match="UTF-8"):
            read_json_rows(path, STREAM)
    else:
        assert read_json_rows(path, STREAM).rows[1]["amount"] == "1234.5"
