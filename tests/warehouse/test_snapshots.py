from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest

from saaskpi.errors import StoreError
from warehouse.snapshots import Snapshots

COLUMNS = ("health_score", "health_config_hash")


def table(path: Path, **scores: int | None) -> Path:
    rows = [
        {"account_id": name, "health_score": score, "health_config_hash": "h"}
        for name, score in scores.items()
    ]
    pd.DataFrame(rows).astype({"health_score": "Int64"}).to_parquet(path)
    return path


def test_an_account_is_read_day_by_day_oldest_first(tmp_path: Path) -> None:
    kept = Snapshots(tmp_path / "history")
    for day, score in ((2, 70), (1, 80), (3, None)):
        kept.keep(date(2026, 10, day), [table(tmp_path / "account_health.parquet", a=score, b=1)])
        (tmp_path / "account_health.parquet").unlink()
    rows = kept.read("account_health", "a", COLUMNS)
    assert [day.day for day in rows["day"]] == [1, 2, 3]
    assert rows["health_score"].tolist()[:2] == [80, 70]
    assert rows["health_score"].isna().tolist() == [False, False, True]
    assert list(kept.read("account_health", "a", COLUMNS, limit=1)["day"]) == [date(2026, 10, 3)]


def test_the_last_run_of_a_day_replaces_the_one_before(tmp_path: Path) -> None:
    kept = Snapshots(tmp_path / "history")
    for score in (50, 60):
        file = table(tmp_path / "made.parquet", a=score)
        kept.keep(date(2026, 10, 1), [file.rename(tmp_path / "account_health.parquet")])
    assert list(kept.read("account_health", "a", COLUMNS)["health_score"]) == [60]


def test_nothing_kept_gives_an_empty_frame_with_its_columns(tmp_path: Path) -> None:
    rows = Snapshots(tmp_path / "none").read("account_health", "a", COLUMNS)
    assert rows.empty
    assert list(rows.columns) == ["day", *COLUMNS]


def test_a_day_whose_keeper_was_killed_comes_back(tmp_path: Path) -> None:
    kept, made = Snapshots(tmp_path / "history"), table(tmp_path / "account_health.parquet", a=50)
    kept.keep(date(2026, 10, 1), [made])
    (tmp_path / "history" / "2026-10-01").rename(tmp_path / "history" / ".2026-10-01.former")
    (tmp_path / "history" / ".2026-10-01.incoming").mkdir()
    assert kept.days() == []
    kept.keep(date(2026, 10, 2), [made])
    assert list(kept.read("account_health", "a", COLUMNS)["health_score"]) == [50, 50]
    assert {path.name for path in (tmp_path / "history").iterdir()} == {"2026-10-01", "2026-10-02"}


def test_what_is_no_day_is_left_alone(tmp_path: Path) -> None:
    kept = Snapshots(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    kept.keep(date(2026, 10, 1), [])
    kept.sweep(date(2027, 10, 1))
    assert kept.days() == [date(2026, 10, 1)]
    assert (tmp_path / "notes.txt").exists()


def test_a_day_of_another_version_is_left_out(tmp_path: Path) -> None:
    kept = Snapshots(tmp_path / "history")
    file = tmp_path / "account_health.parquet"
    pd.DataFrame({"account_id": ["a"], "health_score": [1]}).to_parquet(file)
    kept.keep(date(2026, 10, 1), [file])
    assert kept.read("account_health", "a", COLUMNS).empty


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    kept = Snapshots(tmp_path / "history")
    file = tmp_path / "account_health.parquet"
    file.write_bytes(b"nothing of the kind")
    kept.keep(date(2026, 10, 1), [file])
    with pytest.raises(StoreError, match="2026-10-01"):
        kept.read("account_health", "a", COLUMNS)


def test_old_days_thin_out_to_the_last_of_each_month(tmp_path: Path) -> None:
    kept = Snapshots(tmp_path / "history")
    file = table(tmp_path / "account_health.parquet", a=1)
    first = date(2026, 5, 1)
    for number in range(184):  # to 31 October
        kept.keep(first + timedelta(days=number), [file])
    kept.sweep(date(2026, 10, 31))
    days = kept.days()
    assert days[:3] == [date(2026, 5, 31), date(2026, 6, 30), date(2026, 7, 31)]
    assert days[3:] == [date(2026, 7, 31) + timedelta(days=number) for number in range(1, 93)]
