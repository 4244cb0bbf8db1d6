from __future__ import annotations

import shutil
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from saaskpi.errors import StoreError
from tests.support.crm import open_store
from warehouse.backup import back_up, backups
from warehouse.store import Store

NOW = datetime(2026, 10, 31, 4, 10, tzinfo=UTC)


def test_a_backup_is_the_store_and_can_take_its_place(tmp_path: Path) -> None:
    path, folder = tmp_path / "saaskpi.db", tmp_path / "backups"
    with open_store(path) as store:
        store.set_meta("x", "before")
        copy = back_up(store.engine, folder, NOW)
        store.set_meta("x", "after")
    assert copy.name == "saaskpi-20261031T041000Z.db"
    path.write_bytes(b"broken" * 1000)
    with pytest.raises(StoreError):
        Store.open(path)
    for leftover in ("saaskpi.db-wal", "saaskpi.db-shm"):
        (tmp_path / leftover).unlink(missing_ok=True)
    shutil.copy(copy, path)
    with Store.open(path) as store:
        store.check()
        assert store.meta("x") == "before"


def test_the_newest_are_kept(tmp_path: Path) -> None:
    with open_store(tmp_path / "saaskpi.db") as store:
        for day in range(9):
            back_up(store.engine, tmp_path / "backups", NOW + timedelta(days=day), keep=7)
    assert [path.name[8:16] for path in backups(tmp_path / "backups")] == [
        "20261102", "20261103", "20261104", "20261105", "20261106", "20261107", "20261108",
    ]  # fmt: skip


def test_others_go_on_writing_meanwhile(tmp_path: Path) -> None:
    with open_store(tmp_path / "saaskpi.db") as store:
        done = threading.Event()

        def write() -> None:
            number = 0
            while not done.is_set():
                number += 1
                store.set_meta("x", str(number))

        writer = threading.Thread(target=write)
        writer.start()
        try:
            copies = [back_up(store.engine, tmp_path / str(number), NOW) for number in range(3)]
        finally:
            done.set()
            writer.join()
    for copy in copies:
        with Store.open(copy) as kept:
            kept.check()


def test_a_folder_that_cannot_be_written_costs_no_earlier_backup(tmp_path: Path) -> None:
    with open_store(tmp_path / "saaskpi.db") as store:
        kept = back_up(store.engine, tmp_path / "backups", NOW)
        (tmp_path / "file").write_text("")
        with pytest.raises(StoreError):
            back_up(store.engine, tmp_path / "file", NOW)
    assert backups(tmp_path / "backups") == [kept]


def test_a_half_written_copy_is_no_backup(tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    (folder / "saaskpi-20261031T041000Z.incoming").write_bytes(b"half")
    assert backups(folder) == []
    with open_store(tmp_path / "saaskpi.db") as store:
        back_up(store.engine, folder, NOW)
    assert [path.name for path in folder.iterdir()] == ["saaskpi-20261031T041000Z.db"]
