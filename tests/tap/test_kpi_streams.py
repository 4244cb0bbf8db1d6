"""The computed tables as streams: all of every table, under keys that hold, in the types declared."""

from __future__ import annotations

import io
import json
import shutil
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from singer_sdk.typing import DEFAULT_JSONSCHEMA_VALIDATOR

from enrichment.kpis.catalogue import MONTHLY
from saaskpi.errors import StoreError
from saaskpi.pipeline import Pipeline
from saaskpi.progress import StageReporter
from saaskpi.settings import FileSettings, ReportingSettings, Settings
from tap_saaskpi import kpi_home
from tap_saaskpi.kpi_home import KpiHome
from tap_saaskpi.kpi_streams import STREAMS, KpiStream
from tap_saaskpi.tap import TapSaaskpi
from tests.tap.conftest import MemoryWriter
from warehouse.marts import Marts
from warehouse.patches import Patch, Patches, table_bytes
from warehouse.store import Store

if TYPE_CHECKING:
    from sandbox import Sandbox

OTHER_POLICY = {
    "movement.grain": "item",
    "same_month_new_and_churn": "count_both",
    "metered": "trailing_avg_months:3",
    "refunds": "deduct",
    "fx.mode": "daily_revalue",
}
RATES = "date,base,quote,rate\n" + "".join(
    f"{year}-{month:02}-05,EUR,{currency},{rate * (1 + month / 100):.4f}\n"
    for currency, rate in {"USD": 1.1, "GBP": 0.85, "JPY": 160}.items()
    for year in (2023, 2024, 2025, 2026)
    for month in (1, 4, 7, 10)
)
SQL_TYPES = {
    "string": "VARCHAR",
    "int64": "BIGINT",
    "double": "DOUBLE PRECISION",
    "bool": "BOOLEAN",
    "timestamp[us]": "TIMESTAMP",
    "date32[day]": "DATE",
}


def read(home: Path, *streams: str, **config: Any) -> MemoryWriter:
    """Sync what a home holds."""
    writer = MemoryWriter()
    settings = {"kpi_home": str(home), **config}
    TapSaaskpi(config=settings, message_writer=writer, only=streams or None).sync_all()
    return writer


@pytest.fixture(scope="module")
def other_home(home: Path, sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same data after a second run, under a policy and a reporting currency that make other rows."""
    copy = tmp_path_factory.mktemp("other") / "home"
    shutil.copytree(home, copy)
    rates = copy / "rates.csv"
    rates.write_text(RATES)
    settings = Settings(
        home=copy,
        as_of=date.fromisoformat(sandbox.describe()["today"]),
        policy=OTHER_POLICY,
        segments={"plan": "plan", "currency": "currency"},
        reporting=ReportingSettings(currency="eur"),
        fx=FileSettings(file=rates),
    )
    pipeline = Pipeline(settings, lambda: datetime.now(UTC), StageReporter(io.StringIO()))
    pipeline.enrich()
    pipeline.close()
    return copy


@pytest.fixture(scope="module", params=["home", "other_home"])
def synced(request: pytest.FixtureRequest) -> tuple[Path, MemoryWriter]:
    """A home and all its streams."""
    place: Path = request.getfixturevalue(request.param)
    return place, read(place)


def directory_of(home: Path) -> Path:
    """The tables of the home's current run: the last one."""
    return max(path for path in (home / "marts").iterdir() if path.is_dir())


def test_every_row_comes_once_under_a_key_of_its_own(synced: tuple[Path, MemoryWriter]) -> None:
    home, written = synced
    for stream in STREAMS:
        records = written.records[stream.name]
        stored = pq.ParquetFile(directory_of(home) / f"{stream.table}.parquet").metadata.num_rows
        assert len(records) == stored, stream.name
        found = Counter(tuple(record[key] for key in stream.keys) for record in records)
        assert [key for key, count in found.items() if count > 1] == [], stream.name
        assert all(None not in key for key in found), stream.name


def test_every_stream_is_put_to_the_test_by_some_run(home: Path, other_home: Path) -> None:
    both = [read(home).records, read(other_home).records]
    assert {stream.name for stream in STREAMS if not any(records[stream.name] for records in both)} == set()
    movements = both[1]["kpi_mrr_movements"]
    assert {row["valuation"] for row in movements} == {"native", "reporting"}
    assert all(row["subscription_item_id"] for row in movements)
    assert {"fx"} < {row["reason"] for row in both[1]["kpi_mrr_ledger"]}


def test_records_are_json_and_fit_their_schema(synced: tuple[Path, MemoryWriter]) -> None:
    _, written = synced
    for name, records in written.records.items():
        (message,) = written.schemas[name]
        validator = DEFAULT_JSONSCHEMA_VALIDATOR(
            message.schema, format_checker=DEFAULT_JSONSCHEMA_VALIDATOR.FORMAT_CHECKER
        )
        for record in records:
            json.dumps(record, allow_nan=False)
            assert [error.message for error in validator.iter_errors(record)] == [], name
            assert list(record) == list(message.schema["properties"]), name


def test_the_declared_columns_are_those_of_the_tables(other_home: Path) -> None:
    for stream in STREAMS:
        schema = pq.read_schema(directory_of(other_home) / f"{stream.table}.parquet")
        stored = {
            field.name: "VARCHAR[]" if pa.types.is_list(field.type) else SQL_TYPES[str(field.type)]
            for field in schema
        }
        assert dict(stream.columns) == stored, stream.name


def test_every_row_says_which_run_it_is_of(other_home: Path, sandbox: Sandbox) -> None:
    rows = [row for records in read(other_home).records.values() for row in records]
    today = sandbox.describe()["today"]
    assert {row["run_id"] for row in rows} == {directory_of(other_home).name}
    (as_of,) = {row["as_of"] for row in rows}
    assert as_of.endswith("Z")
    assert 0 <= (datetime.fromisoformat(as_of) - datetime.fromisoformat(f"{today}T00:00Z")).days <= 1


def test_the_figures_are_those_of_the_tables(home: Path) -> None:
    records = read(home, "kpi_month", "kpi_account_month", "kpi_mrr_ledger").records
    whole = {
        (row["month"], row["currency"]): row["mrr"] for row in records["kpi_month"] if not row["segment"]
    }
    by_account: Counter[tuple[str, str]] = Counter()
    for row in records["kpi_account_month"]:
        by_account[row["month"], row["currency"]] += row["mrr"]
    assert {key: mrr for key, mrr in whole.items() if mrr} == {
        key: mrr for key, mrr in by_account.items() if mrr
    }
    last = max(month for month, _ in whole)
    in_ledger: Counter[str] = Counter()
    for row in records["kpi_mrr_ledger"]:
        in_ledger[row["currency"]] += row["mrr_change"]
    assert {key: mrr for (month, key), mrr in whole.items() if month == last} == dict(in_ledger)


def test_times_dates_lists_and_json_come_as_what_they_are(home: Path) -> None:
    records = read(home, "kpi_accounts", "kpi_subscription_items", "kpi_mrr_ledger").records
    accounts, items = records["kpi_accounts"], records["kpi_subscription_items"]
    paying = next(row for row in accounts if row["mrr"])
    assert paying["mrr_by_currency"][paying["currency"]] == paying["mrr"]
    assert date.fromisoformat(paying["customer_since"]) < date(2100, 1, 1)
    assert all(isinstance(row["stripe_customer_ids"], list) for row in accounts)
    assert all(row["explanation"]["steps"] for row in items)
    assert any(row["discounts"] for row in items)
    assert all(row["effective_at"].endswith("Z") for row in records["kpi_mrr_ledger"])


def test_key_figures_are_described_as_the_catalogue_has_them(home: Path) -> None:
    tap = TapSaaskpi(config={"kpi_home": str(home)})
    columns = tap.streams["kpi_month"].schema["properties"]
    for kpi in MONTHLY:
        assert kpi.formula in columns[kpi.id]["description"]
    assert columns["mrr"] == {
        "type": ["integer", "null"],
        "description": "MRR: start + new + reactivation + expansion - contraction - churned + FX; "
        "minor units of currency.",
    }
    assert "a share, 0.05 is 5 %" in columns["customer_churn_rate"]["description"]
    for name, stream in tap.streams.items():
        properties = stream.schema["properties"]
        assert {"run_id", "as_of", *stream.primary_keys} <= set(stream.schema["required"]), name
        assert properties["run_id"]["description"], name
        assert "null" not in properties["as_of"]["type"], name


def test_the_catalog_is_that_of_full_tables(home: Path) -> None:
    told = invoke({"kpi_home": str(home)}, home.parent, "--discover")
    streams = {entry["tap_stream_id"]: entry for entry in json.loads(told.stdout)["streams"]}
    assert set(streams) == {stream.name for stream in STREAMS}
    for stream in STREAMS:
        entry = streams[stream.name]
        assert entry["key_properties"] == list(stream.keys)
        assert entry["replication_key"] == "run_id"
        assert entry["replication_method"] == "FULL_TABLE"


def test_a_catalog_selects_streams_and_columns(home: Path) -> None:
    config = {"kpi_home": str(home)}
    catalog = TapSaaskpi(config=config).catalog_dict
    for entry in catalog["streams"]:
        for item in entry["metadata"]:
            if item["breadcrumb"] == []:
                item["metadata"]["selected"] = entry["stream"] == "kpi_accounts"
            elif item["breadcrumb"][-1] in ("name", "owner_name"):
                item["metadata"]["selected"] = False
    writer = MemoryWriter()
    TapSaaskpi(config=config, catalog=catalog, message_writer=writer).sync_all()
    assert set(writer.records) == set(writer.schemas) == {"kpi_accounts"}
    assert all(
        "mrr" in row and not {"name", "owner_name"} & set(row) for row in writer.records["kpi_accounts"]
    )


def test_stream_maps_rename_and_filter(home: Path) -> None:
    rule = {
        "kpi_month": {
            "__alias__": "months",
            "__filter__": "record['segment'] == ''",
            "mrr_units": "float(mrr) / 100",
        }
    }
    rows = read(home, "kpi_month", stream_maps=rule).records["months"]
    assert rows
    assert all(row["segment"] == "" and row["mrr_units"] * 100 == pytest.approx(row["mrr"]) for row in rows)


def test_targets_that_understand_it_are_told_what_is_outdated(home: Path) -> None:
    told = invoke({"kpi_home": str(home), "emit_activate_version_messages": True}, home.parent)
    messages = [json.loads(line) for line in told.stdout.splitlines()]
    versions = {m["stream"]: m["version"] for m in messages if m["type"] == "ACTIVATE_VERSION"}
    assert set(versions) == {stream.name for stream in STREAMS}
    assert all(m["version"] == versions[m["stream"]] for m in messages if m["type"] == "RECORD")


def test_a_big_table_is_read_in_batches(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kpi_home, "BATCH_ROWS", 64)
    opened = KpiHome.open(home)
    (stream,) = (stream for stream in STREAMS if stream.name == "kpi_account_month")
    batches = [len(rows) for rows in opened.rows(stream.table, stream.columns, stream.keys)]
    assert len(batches) > 3
    assert max(batches) == 64
    whole = Marts(home / "marts", lambda: opened.run_id).read(stream.table)
    assert sum(batches) == len(whole)


def test_all_streams_are_of_the_run_that_was_current_at_the_start(home: Path, tmp_path: Path) -> None:
    copy = tmp_path / "home"
    shutil.copytree(home, copy)
    writer = MemoryWriter()
    tap = TapSaaskpi(config={"kpi_home": str(copy)}, message_writer=writer)
    former, newer, now = directory_of(home), "20991231T000000Z-later", datetime.now(UTC)
    shutil.copytree(former, copy / "marts" / newer)
    with Store.open(copy / "saaskpi.db") as store:
        store.begin_run(newer, now, now, pull=1)
        store.finish_run(newer, now, {}, store.flag_episodes())
    tap.sync_all()
    runs = {row["run_id"] for records in writer.records.values() for row in records}
    assert runs == {former.name}
    assert {row["run_id"] for row in read(copy, "kpi_accounts").records["kpi_accounts"]} == {newer}


def test_reading_writes_nothing(home: Path) -> None:
    def files() -> dict[str, tuple[int, int]]:
        found = (path for path in home.rglob("*") if path.is_file())
        return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in found}

    before = files()
    read(home)
    assert files() == before


def test_a_home_at_work_is_read_too(home: Path, tmp_path: Path) -> None:
    copy = tmp_path / "home"
    shutil.copytree(home, copy)
    newer, now = "20991231T000000Z-later", datetime.now(UTC)
    with Store.open(copy / "saaskpi.db") as store:
        store.begin_run(newer, now, now, pull=1)
        assert KpiHome.open(copy).run_id == directory_of(home).name
        store.finish_run(newer, now, {}, store.flag_episodes())
        assert KpiHome.open(copy).run_id == newer


# What a person sees when it cannot work


def invoke(config: dict[str, Any], folder: Path, *arguments: str) -> Result:
    file = folder / "config.json"
    file.write_text(json.dumps(config))
    return CliRunner().invoke(TapSaaskpi.get_singer_command(), ["--config", str(file), *arguments])


@pytest.mark.parametrize("command", [["--discover"], ["--test"], []])
def test_a_home_without_a_run_is_one_line(tmp_path: Path, command: list[str]) -> None:
    told = invoke({"kpi_home": str(tmp_path / "nothing")}, tmp_path, *command)
    assert told.exit_code == 1
    assert told.stderr.splitlines()[-1] == (
        f"tap-saaskpi: There is no finished run in {tmp_path}/nothing. "
        f"Run `saaskpi run --home {tmp_path}/nothing`, or set kpi_home to the folder that has one."
    )
    assert "Traceback" not in told.output
    assert not (tmp_path / "nothing").exists()


def test_a_store_before_its_first_run_is_the_same(tmp_path: Path) -> None:
    pipeline = Pipeline(Settings(home=tmp_path), lambda: datetime.now(UTC), StageReporter(io.StringIO()))
    assert pipeline.store.current_run() is None
    pipeline.close()
    with pytest.raises(StoreError, match="There is no finished run"):
        KpiHome.open(tmp_path)


@pytest.mark.parametrize("content", [b"", b"no database at all, but long enough to look into" * 40])
def test_a_file_that_is_no_store_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "saaskpi.db").write_bytes(content)
    with pytest.raises(StoreError, match=r"The store .*saaskpi.db cannot be read"):
        KpiHome.open(tmp_path)
    assert (tmp_path / "saaskpi.db").read_bytes() == content


Damage = Callable[[Path], object]


@pytest.mark.parametrize(
    "damage, words",
    [
        (lambda path: path.unlink(), "is missing"),
        (lambda path: path.write_bytes(b"PAR1 and no more"), "cannot be read"),
        (lambda path: pq.write_table(pa.table({"account_id": ["a"]}), path), "lacks the column"),
    ],
    ids=["missing", "damaged", "older"],
)
def test_a_table_that_cannot_be_used_is_told(home: Path, tmp_path: Path, damage: Damage, words: str) -> None:
    copy = tmp_path / "home"
    shutil.copytree(home, copy)
    damage(directory_of(copy) / "accounts.parquet")
    with pytest.raises(StoreError, match=rf"accounts.parquet {words}.* Run `saaskpi enrich`"):
        read(copy, "kpi_accounts")


def test_a_key_is_enough_and_a_home_is_enough(home: Path) -> None:
    assert all(
        isinstance(stream, KpiStream)
        for stream in TapSaaskpi(config={"kpi_home": str(home)}).streams.values()
    )
    without = TapSaaskpi(config={"stripe_api_key": "sk_test_canary"})
    assert not any(name.startswith("kpi_") for name in without.streams)


def test_what_was_computed_anew_since_the_run_is_in_the_streams(tmp_path: Path) -> None:
    directory = tmp_path / "marts" / "run-1"
    directory.mkdir(parents=True)
    run = pa.table({"account_id": ["a", "b", "c"], "name": ["A", "B", "C"]})
    pq.write_table(run, directory / "accounts.parquet")
    anew = pa.table({"account_id": ["b"], "name": ["B2"]})
    patch = Patch({"accounts": table_bytes(anew)}, {"accounts": "account_id"}, {"account_id": ["b", "c"]})
    Patches(directory).add(patch)

    home = KpiHome(directory, "run-1", "2026-01-01T00:00:00Z")
    found = [row["name"] for rows in home.rows("accounts", ["name"], []) for row in rows]

    assert sorted(found) == ["A", "B2"]
