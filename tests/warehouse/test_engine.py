from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from saaskpi.errors import StoreError, UsageError
from warehouse.engine import Engine
from warehouse.marts import Marts

FRAME = pd.DataFrame(
    {
        "id": ["a", "b", None],
        "amount": pd.array([2**60 + 1, None, 3], dtype="Int64"),
        "tags": [["x", "y"], [], None],
        "nothing": [None, None, None],
    }
)


def test_a_frame_goes_in_and_comes_out_unharmed() -> None:
    with Engine(threads=1) as engine:
        engine.register_frame("things", FRAME)
        out = engine.frame("SELECT * FROM things ORDER BY id NULLS LAST")
    assert out["amount"].tolist()[:1] == [2**60 + 1], "an integer beside a null stays exact"
    assert out["amount"].isna().tolist() == [False, True, False]
    assert out["tags"].tolist() == [["x", "y"], [], None]
    assert out["nothing"].isna().all()


def test_a_registered_frame_is_a_copy_and_can_be_replaced() -> None:
    with Engine() as engine:
        frame = pd.DataFrame({"n": [1]})
        engine.register_frame("things", frame)
        frame.loc[0, "n"] = 2
        assert engine.frame("things")["n"].tolist() == [1]
        engine.register_frame("things", frame)
        assert engine.frame("things")["n"].tolist() == [2]


def test_a_column_of_nulls_can_be_compared_with_text() -> None:
    with Engine() as engine:
        engine.register_frame("things", FRAME)
        assert len(engine.frame("SELECT * FROM things WHERE nothing = 'text'")) == 0


def test_tables_are_built_replaced_and_described() -> None:
    with Engine() as engine:
        engine.run("one", "SELECT 1 AS n")
        engine.run("one", "SELECT n + 1 AS n, 'x' AS word FROM one")
        assert engine.frame("one").to_dict("records") == [{"n": 2, "word": "x"}]
        assert engine.columns("one") == ["n", "word"]
        assert engine.columns("none") == []


def test_export_writes_one_file_per_table_that_can_be_registered(tmp_path: Path) -> None:
    folder = tmp_path / "it's"
    with Engine(temp_dir=tmp_path / "spill") as engine:
        engine.register_frame("things", FRAME)
        engine.export(["things"], folder)
        engine.register_files("again", [folder / "things.parquet"])
        assert engine.frame("SELECT count(*) AS n FROM again")["n"].tolist() == [3]
    assert pq.read_table(folder / "things.parquet")["amount"].to_pylist().count(2**60 + 1) == 1


def test_files_with_different_columns_are_one_view(tmp_path: Path) -> None:
    for number, frame in enumerate([pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [2], "b": ["x"]})]):
        frame.to_parquet(tmp_path / f"{number}.parquet")
    with Engine() as engine:
        engine.register_files("parts", sorted(tmp_path.glob("*.parquet")))
        out = engine.frame("SELECT a, b FROM parts ORDER BY a")
    assert out["b"].fillna("").tolist() == ["", "x"]


def test_time_is_utc() -> None:
    with Engine() as engine:
        assert engine.frame("SELECT current_setting('TimeZone') AS zone")["zone"].tolist() == ["UTC"]


def test_no_files_says_to_pull() -> None:
    with Engine() as engine, pytest.raises(StoreError, match="stripe_invoices") as caught:
        engine.register_files("stripe_invoices", [])
    assert "pull" in caught.value.hint


@pytest.mark.parametrize("limit", ["much", "1", "-1GB", "1GB'; DROP"])
def test_a_wrong_memory_limit_is_a_usage_error(limit: str) -> None:
    with pytest.raises(UsageError):
        Engine(memory_limit=limit)


@pytest.mark.parametrize("name", ["a b", "x; DROP TABLE y", "", '"'])
def test_a_name_is_never_sql(name: str) -> None:
    with Engine() as engine, pytest.raises(ValueError, match="not a table name"):
        engine.run(name, "SELECT 1")


def test_marts_show_the_current_run_only(tmp_path: Path) -> None:
    current: list[str | None] = [None]
    marts = Marts(tmp_path / "marts", lambda: current[0])
    with pytest.raises(StoreError, match="no finished run"):
        marts.read("things")
    with Engine() as engine:
        for run_id in ("run-1", "run-2"):
            engine.register_frame("things", FRAME.assign(run=run_id))
            engine.export(["things"], marts.new_directory(run_id))
    current[0] = "run-1"
    out = marts.read("things").set_index("id", drop=False)
    assert out["run"].unique().tolist() == ["run-1"]
    assert out["tags"]["a"] == ["x", "y"]
    assert out["amount"]["a"] == 2**60 + 1
    assert marts.tables() == ["things"]
    assert marts.read("things", "run-2")["run"].unique().tolist() == ["run-2"]


def test_old_runs_are_swept_but_never_the_current_one(tmp_path: Path) -> None:
    marts = Marts(tmp_path / "marts", lambda: "run-1")
    marts.sweep()
    for number in range(1, 6):
        marts.new_directory(f"run-{number}")
    marts.sweep(keep=2)
    assert sorted(path.name for path in (tmp_path / "marts").iterdir()) == ["run-1", "run-4", "run-5"]


def test_a_new_directory_is_empty(tmp_path: Path) -> None:
    marts = Marts(tmp_path, lambda: None)
    (marts.new_directory("run-1") / "left.parquet").write_text("x")
    assert list(marts.new_directory("run-1").iterdir()) == []
    with pytest.raises(ValueError, match="not a run id"):
        marts.directory("../escape")


@pytest.mark.parametrize("content", [None, b"", b"PAR1 and then rubbish"])
def test_a_missing_or_damaged_table_says_to_enrich(tmp_path: Path, content: bytes | None) -> None:
    marts = Marts(tmp_path, lambda: "run-1")
    directory = marts.new_directory("run-1")
    if content is not None:
        (directory / "things.parquet").write_bytes(content)
    with pytest.raises(StoreError) as caught:
        marts.read("things")
    assert "enrich" in caught.value.hint


def test_damaged_files_are_a_store_error(tmp_path: Path) -> None:
    damaged = tmp_path / "part-00000.parquet"
    damaged.write_bytes(b"PAR1" + b"0" * 50)
    with Engine() as engine, pytest.raises(StoreError, match=r"'things' are damaged.*saaskpi pull"):
        engine.register_files("things", [damaged])


def test_too_little_memory_and_a_full_disk_are_store_errors(tmp_path: Path) -> None:
    with Engine("20MB", threads=1, temp_dir=tmp_path) as engine:
        engine.run("one", "SELECT 1 AS n")
        (tmp_path / "one.parquet").symlink_to("/dev/full")
        with pytest.raises(StoreError, match="No space left"):
            engine.export(["one"], tmp_path)
        with pytest.raises(StoreError, match="memory_limit"):
            engine.run("many", "SELECT list(range) AS n FROM range(20000000)")
