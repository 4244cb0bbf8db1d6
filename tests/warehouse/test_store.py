from __future__ import annotations

import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from saaskpi.errors import StoreError, UsageError
from tests.support import postgres
from tests.support.crm import episode, episodes_frame, open_store
from warehouse import database, tables
from warehouse.migrations import HEAD
from warehouse.store import Store

NOW = datetime(2026, 10, 31, 12, tzinfo=UTC)


# A test with "store", "store_url" or "empty_url" runs on SQLite and on PostgreSQL; one with "tmp_path" is
# about the file of an SQLite store, one with "postgres_url" about a server.


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'home' / 'store.db'}"
    else:
        with postgres.database(empty=True) as url:
            yield url


def engine_of(url: str) -> sa.Engine:
    """An engine that migrates nothing."""
    path = sa.make_url(url).database
    if url.startswith("sqlite") and path:
        Path(path).parent.mkdir(exist_ok=True)
    return sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))


def pushed_row(value: str, apply_id: str = "a-1", **changes: Any) -> dict[str, Any]:
    return {
        "object_type": "companies",
        "object_id": "1",
        "property": "saaskpi_mrr",
        "old_value": "old of " + apply_id,
        "value": value,
        "apply_id": apply_id,
        "written_at": NOW,
        **changes,
    }


# Opening


def test_the_migrations_make_the_tables_that_the_code_uses(empty_url: str) -> None:
    engine = database.open_database(empty_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, tables.metadata) == []
        assert context.get_current_revision() == HEAD
    engine.dispose()


def test_head_is_the_newest_step() -> None:
    config = Config()
    config.set_main_option("script_location", "warehouse:migrations")
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_writes_are_durable_and_readers_do_not_block(tmp_path: Path) -> None:
    with open_store(tmp_path / "store.db") as store, store.engine.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
        }
    full = 2
    assert pragmas == {"journal_mode": "wal", "synchronous": full, "busy_timeout": 30_000, "foreign_keys": 1}


def test_a_store_of_a_newer_version_is_refused_and_left_as_it_is(store_url: str) -> None:
    set_version(store_url, "9999")
    with pytest.raises(StoreError, match="newer saaskpi") as caught:
        Store.open(store_url)
    assert "another" in caught.value.hint or "its own" in caught.value.hint
    assert version_of(store_url) == "9999"


def test_an_older_store_is_backed_up_before_it_is_migrated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "store.db"
    with open_store(path) as store:
        store.set_meta("kept", "yes")
    monkeypatch.setattr(database, "HEAD", "9999")  # as if there were one step more
    Store.open(path).close()
    copy = tmp_path / f"store.db.{HEAD}.backup"
    assert version_of(f"sqlite:///{copy}") == HEAD
    with Store.open(copy) as backup:
        assert backup.meta("kept") == "yes"


# As the first version kept them: SQLite takes a day where the column says number, PostgreSQL does not.
EARLIER = {"sqlite": "2026-10-01", "postgresql": 3}


def test_the_episodes_of_an_older_store_stay(empty_url: str) -> None:
    engine = engine_of(empty_url)
    config = Config()
    config.set_main_option("script_location", "warehouse:migrations")
    known = EARLIER[engine.dialect.name]
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        moment = "'2026-10-01 00:00:00.000000'"
        connection.exec_driver_sql(
            "INSERT INTO flag_episodes (account_id, flag, episode, opened_at, last_seen_at) "
            f"VALUES ('1001', 'silent', '{known}', {moment}, {moment})"
        )
    engine.dispose()
    with Store.open(empty_url) as store:
        assert store.flag_episodes()[["account_id", "flag", "episode"]].to_numpy().tolist() == [
            ["1001", "silent", str(known)]
        ]


def set_version(url: str, version: str) -> None:
    engine = engine_of(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{version}'")
    engine.dispose()


def version_of(url: str) -> str:
    engine = engine_of(url)
    with engine.connect() as connection:
        version: str = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one()
    engine.dispose()
    return version


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_file_that_is_no_database_is_a_store_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(content)
    with pytest.raises(StoreError) as caught:
        Store.open(path)
    assert "backup" in caught.value.hint
    assert path.read_bytes() == content


def test_a_damaged_store_is_a_store_error_and_check_finds_it(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with open_store(path) as store:
        store.record_pushed([pushed_row("x" * 500, object_id=str(number)) for number in range(500)])
        store.check()
    whole = path.read_bytes()
    path.write_bytes(whole[:20480] + b"\x5a" * 40960 + whole[61440:])
    with pytest.raises(StoreError, match="damaged"), Store.open(path) as store:
        store.check()


def test_another_programs_database_is_left_alone(empty_url: str) -> None:
    engine = engine_of(empty_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE theirs (id INTEGER)")
    with pytest.raises(StoreError, match="not a saaskpi store"):
        Store.open(empty_url)
    assert sa.inspect(engine).get_table_names() == ["theirs"]
    engine.dispose()


def test_a_folder_that_cannot_be_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError) as caught:
        Store.open(tmp_path / "file" / "home" / "store.db")
    assert "--home" in caught.value.hint


@pytest.mark.parametrize(
    "url",
    [
        "nonsense://host/name",
        "://",
        "sqlite+nodriver:///x.db",
        "sqlite://",
        "mysql://someone:hunter2@host/name",
        "postgresql://someone@host:hunter2/name",
    ],
)
def test_a_wrong_url_is_a_usage_error(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        Store.open(url)
    assert "postgresql://user@host/name" in caught.value.hint
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_a_missing_driver_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(UsageError, match="driver") as caught:
        Store.open("postgresql://someone:hunter2@127.0.0.1:1/none")
    assert "saaskpi[postgres]" in caught.value.hint


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://someone:hunter2@127.0.0.1:1/none",
        "postgres://127.0.0.1:1/none?user=someone&password=hunter2",
        "postgresql+psycopg://someone:hunter2@127.0.0.1:1/none?no_such_option=hunter2",
    ],
)
def test_a_server_that_is_not_there_is_a_store_error_without_the_password(url: str) -> None:
    with pytest.raises(StoreError, match="cannot be used") as caught:
        Store.open(url)
    assert "server" in caught.value.hint
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_a_database_that_is_not_there_is_named(postgres_url: str) -> None:
    with pytest.raises(StoreError, match="nowhere"):
        Store.open(postgres_url.replace("/test_", "/nowhere_"))


def test_a_user_without_rights_is_a_store_error(postgres_url: str) -> None:
    postgres.run_sql("DROP ROLE IF EXISTS stranger")
    postgres.run_sql("CREATE ROLE stranger LOGIN")
    with pytest.raises(StoreError, match="permission denied"):
        Store.open(postgres_url.replace("postgres:@", "stranger:@"))


def test_a_connection_that_the_server_dropped_is_made_anew(postgres_url: str) -> None:
    with Store.open(postgres_url) as store:
        store.set_meta("x", "1")
        others = "datname = current_database() AND pid <> pg_backend_pid()"
        name = sa.make_url(postgres_url).database or ""
        postgres.run_sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}", name)
        assert store.meta("x") == "1"


def test_a_server_that_goes_away_within_a_transaction_is_a_store_error(postgres_url: str) -> None:
    with Store.open(postgres_url) as store:
        with pytest.raises(StoreError, match="cannot be used"), store.engine.begin() as connection:
            connection.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")
        store.set_meta("x", "1")
        assert store.meta("x") == "1"


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
def test_the_servers_time_zone_changes_no_moment(postgres_url: str, zone: str) -> None:
    with Store.open(f"{postgres_url}&options=-c%20timezone%3D{zone}") as store:
        store.set_link("cus_1", "1", "ann", NOW)
        assert store.links()["created_at"].tolist() == [pd.Timestamp(NOW)]
    with Store.open(postgres_url) as store:
        assert store.links()["created_at"].tolist() == [pd.Timestamp(NOW)]


OPENERS = 6
# Imports once, then opens the store in several processes at the same moment.
OPEN_AT_ONCE = """
import os, sys
import alembic.command, psycopg
from warehouse.store import Store

start, go = os.pipe()
children = []
for number in range(int(sys.argv[2])):
    child = os.fork()
    if child == 0:
        os.close(go)
        os.read(start, 1)  # ends when the parent closes its end
        Store.open(sys.argv[1]).set_meta(str(number), "x")
        os._exit(0)
    children.append(child)
os.close(go)
sys.exit(sum(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0 for child in children))
"""


def test_processes_that_open_a_new_store_at_once_all_get_it(empty_url: str) -> None:
    done = subprocess.run([sys.executable, "-c", OPEN_AT_ONCE, empty_url, str(OPENERS)])
    assert done.returncode == 0
    with Store.open(empty_url) as store:
        assert [store.meta(str(n)) for n in range(OPENERS)] == ["x"] * OPENERS


def test_writers_in_several_threads_wait_for_each_other(store: Store) -> None:
    def write(worker: int) -> None:
        for number in range(20):
            store.record_pushed([pushed_row("v", object_id=f"{worker}-{number}")])

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.pushed("companies")) == 80


# Runs


def test_a_finished_run_becomes_current_with_its_episodes(store: Store) -> None:
    store.begin_run("run-1", NOW, NOW, 3)
    assert store.current_run() is None
    store.finish_run("run-1", NOW + timedelta(seconds=5), {"accounts": 7}, episodes_frame([episode("1")]))
    assert store.current_run() == "run-1"
    assert store.run("run-1") == {
        "run_id": "run-1",
        "status": "done",
        "started_at": NOW,
        "finished_at": NOW + timedelta(seconds=5),
        "as_of": NOW,
        "pull": 3,
        "counts": {"accounts": 7},
        "error": None,
    }
    assert store.flag_episodes()[["account_id", "flag", "episode"]].to_numpy().tolist() == [
        ["1", "payment_failed", "2026-10-31"]
    ]


def test_announced_bands_are_kept_with_the_run(store: Store) -> None:
    for run, band, score in (("run-1", "yellow", 61), ("run-2", "red", 45)):
        store.begin_run(run, NOW, NOW, 1)
        bands = pd.DataFrame([{"account_id": "1", "band": band, "score": score, "since": NOW}])
        store.finish_run(run, NOW, {}, episodes_frame([]), bands)
    assert store.band_alerts()[["account_id", "band", "score"]].to_numpy().tolist() == [["1", "red", 45]]


def test_the_newest_decision_about_a_band_stands_until_it_is_ended(store: Store) -> None:
    for hour, band in enumerate(("green", "yellow")):
        store.set_override(
            "1",
            band,
            reason="back from holidays",
            author="Kim",
            created_at=NOW + timedelta(hours=hour),
            expires_at=NOW + timedelta(days=30),
        )
    assert list(store.overrides()["band"]) == ["green", "yellow"]
    again = NOW + timedelta(hours=1)
    expires = NOW + timedelta(days=30)
    store.set_override("1", "red", reason="left", author="Kim", created_at=again, expires_at=expires)
    assert list(store.overrides()["band"]) == ["green", "red"]
    assert store.end_overrides("1", NOW + timedelta(days=1)) == 2
    assert store.end_overrides("1", NOW + timedelta(days=2)) == 0
    assert set(store.overrides()["expires_at"]) == {pd.Timestamp(NOW + timedelta(days=1))}


def test_a_failed_run_leaves_the_current_one(store: Store) -> None:
    store.begin_run("run-1", NOW, NOW, 1)
    store.finish_run("run-1", NOW, {}, episodes_frame([]))
    store.begin_run("run-2", NOW + timedelta(1), NOW, 2)
    store.fail_run("run-2", NOW, "no space left")
    assert store.current_run() == "run-1"
    assert [(run["run_id"], run["status"]) for run in store.runs()] == [
        ("run-2", "failed"),
        ("run-1", "done"),
    ]


def test_pointer_and_episodes_flip_together_or_not_at_all(store: Store) -> None:
    broken = episodes_frame([episode("1"), episode("2")])
    broken.loc[1, "opened_at"] = pd.NaT
    store.begin_run("run-1", NOW, NOW, 1)
    with pytest.raises(sa.exc.IntegrityError):
        store.finish_run("run-1", NOW, {}, broken)
    assert store.current_run() is None
    assert len(store.flag_episodes()) == 0
    assert (store.run("run-1") or {})["status"] == "running"


def test_an_episode_is_updated_and_others_stay(store: Store) -> None:
    for number, rows in enumerate([[episode("1"), episode("2")], [episode("1", closed=True)]]):
        store.begin_run(f"run-{number}", NOW, NOW, 1)
        store.finish_run(f"run-{number}", NOW, {}, episodes_frame(rows))
    found = store.flag_episodes().set_index("account_id")["closed_at"]
    assert found.notna().to_dict() == {"1": True, "2": False}


def test_times_without_zone_are_utc_and_come_back_aware(store: Store) -> None:
    frame = episodes_frame([episode("1")])
    for column in ("opened_at", "last_seen_at", "closed_at"):
        frame[column] = frame[column].dt.tz_localize(None)
    store.begin_run("run-1", NOW, NOW, 1)
    store.finish_run("run-1", NOW, {}, frame)
    opened = store.flag_episodes()["opened_at"].item()
    assert opened == pd.Timestamp(episode("1")["opened_at"])
    assert opened.tzinfo is not None


def test_a_moment_without_zone_is_refused(store: Store) -> None:
    with pytest.raises(sa.exc.StatementError, match="without zone"):
        store.set_link("cus_1", "1", "ann", NOW.replace(tzinfo=None))


# Ledgers


def test_the_newest_pushed_value_counts(store: Store) -> None:
    store.record_pushed([pushed_row("1"), pushed_row("9", property="saaskpi_arr")])
    store.record_pushed([pushed_row("2", "a-2", written_at=NOW + timedelta(seconds=1))])
    store.record_pushed([pushed_row("3", "a-0", written_at=NOW - timedelta(seconds=1))])
    assert store.pushed("companies").set_index("property")["value"].to_dict() == {
        "saaskpi_mrr": "2",
        "saaskpi_arr": "9",
    }
    assert len(store.pushed("tasks")) == 0
    assert len(store.pushed("companies", ["2"])) == 0
    assert len(store.pushed("companies", [])) == 0
    assert len(store.pushed("companies", [str(number) for number in range(1200)])) == 2


def test_a_batch_recorded_twice_counts_once_and_keeps_the_first_old_value(store: Store) -> None:
    store.record_pushed([pushed_row("1")])
    store.record_pushed([pushed_row("2", old_value="1")])
    with store.engine.connect() as connection:
        ledger = connection.execute(sa.select(tables.push_ledger)).mappings().all()
    assert [(row["old_value"], row["value"]) for row in ledger] == [("old of a-1", "2")]


def intent_row(value: str, apply_id: str = "a-1", **changes: Any) -> dict[str, Any]:
    row = pushed_row(value, apply_id) | {"old_value": "old"}
    del row["written_at"]
    return {**row, "intended_at": NOW, **changes}


def test_what_was_meant_to_be_written_counts_until_it_is_put_down(store: Store) -> None:
    store.intend([intent_row("1"), intent_row("7", object_id="2")])
    store.intend([intent_row("2", old_value="1", intended_at=NOW + timedelta(seconds=1))])
    assert [(row["old_value"], row["value"]) for row in store.written("a-1")] == [("old", "2"), ("old", "7")]
    assert store.intended("companies")["value"].tolist() == ["7", "2"]
    assert store.intended("companies", ["1", "3"])["value"].tolist() == ["2"]
    assert len(store.intended("tasks")) == 0
    store.record_pushed([pushed_row("2", old_value="old")])
    store.forget_intents("a-1", "companies", ["2", "unknown"])
    store.forget_intents("a-1", "companies", [])
    assert len(store.intended("companies")) == 0
    assert [(row["object_id"], row["value"]) for row in store.written("a-1")] == [("1", "2")]


@pytest.mark.parametrize("old, still", [("old", 0), ("1", 1)], ids=["not written", "written"])
def test_what_a_later_apply_found_tells_whether_it_was_written(store: Store, old: str, still: int) -> None:
    store.intend([intent_row("1")])
    store.record_pushed([pushed_row("3", "a-2", old_value=old, written_at=NOW + timedelta(seconds=1))])
    assert len(store.written("a-1")) == still
    assert len(store.intended("companies")) == 0  # what was put down last counts


def test_refusals_are_counted_until_they_go_through(store: Store) -> None:
    row = {"object_type": "companies", "object_id": "1", "reason": "r", "run_id": "run-1", "failed_at": NOW}
    for reason in ("too long", "still too long"):
        store.record_failures([{**row, "reason": reason}])
    assert store.push_failures()[["reason", "attempts"]].to_numpy().tolist() == [["still too long", 2]]
    store.clear_failures("tasks", ["1"])
    assert len(store.push_failures()) == 1
    store.clear_failures("companies", ["1", "unknown"])
    assert len(store.push_failures()) == 0


def test_a_task_is_known_and_then_linked(store: Store) -> None:
    row = {"task_key": "k", "task_id": "55", "company_id": "1", "run_id": "run-1", "opened_at": NOW}
    store.record_tasks([row])
    assert store.task_ids(["k", "unknown"]) == {"k": "55"}
    assert store.task_ids([]) == {}
    assert store.task_ledger()["linked_at"].isna().all()
    store.record_linked({"55": "1"}, NOW)
    store.record_tasks([row])
    assert store.task_ledger()["linked_at"].tolist() == [pd.Timestamp(NOW)]


def test_links_can_be_changed_and_removed(store: Store) -> None:
    store.set_link("cus_1", "1", "ann", NOW)
    store.set_link("cus_1", "2", "ben", NOW)
    assert store.links()[["stripe_customer_id", "company_id", "author"]].to_numpy().tolist() == [
        ["cus_1", "2", "ben"]
    ]
    assert store.remove_link("cus_1")
    assert not store.remove_link("cus_1")


def test_small_things_are_remembered(store: Store) -> None:
    assert store.meta("x") is None
    store.set_meta("x", "1")
    store.set_meta("x", "2")
    assert store.meta("x") == "2"
    store.refuse_tasks("limit")
    assert store.tasks_refused() == "limit"
    store.allow_tasks()
    assert store.tasks_refused() is None
    store.record_set_up("companies", ["saaskpi_mrr"], NOW)
    assert store.set_up()[["object_type", "name"]].to_numpy().tolist() == [["companies", "saaskpi_mrr"]]


def test_an_apply_is_running_until_it_is_done_and_killed_when_the_next_begins(store: Store) -> None:
    later = NOW + timedelta(minutes=1)
    store.begin_apply("a-1", "abc", "run-1", NOW)
    assert not store.plan_applied("abc")
    store.begin_apply("a-2", "def", "run-1", later)
    assert [(one["apply_id"], one["status"]) for one in store.applies()] == [
        ("a-2", "running"),
        ("a-1", "failed"),
    ]
    store.begin_apply("a-1", "abc", "run-1", later + timedelta(minutes=1))
    store.finish_apply("a-1", later, {"companies_updated": 3})
    assert store.plan_applied("abc")
    assert store.last_apply() == "a-2"  # the first began before it, though it ended later
    record = store.apply_record("a-1")
    assert record is not None
    assert (record["started_at"], record["status"], record["error"]) == (NOW, "done", None)
    assert store.apply_record("a-3") is None


def test_an_edit_that_is_kept_is_told_once(store: Store) -> None:
    row = {"object_type": "companies", "object_id": "1", "property": "p", "ours": "1", "theirs": "2"}
    for apply_id, action in (
        ("a-1", "kept"),
        ("a-2", "kept"),
        ("a-3", "overwritten"),
        ("a-4", "overwritten"),
    ):
        store.record_drift([{**row, "apply_id": apply_id, "action": action, "seen_at": NOW}])
    assert store.drift()["apply_id"].tolist() == ["a-1", "a-3", "a-4"]
    assert store.drift("a-3")["theirs"].tolist() == ["2"]


@pytest.mark.parametrize("name", ["flag_episodes", "links", "push_failures", "task_ledger", "set_up"])
def test_an_empty_table_is_an_empty_frame_with_its_columns(store: Store, name: str) -> None:
    frame: pd.DataFrame = getattr(store, name)()
    assert len(frame) == 0
    assert len(frame.columns) > 2
    for column in frame.columns[frame.columns.str.endswith("_at")]:
        assert (frame[column] >= NOW).tolist() == []
