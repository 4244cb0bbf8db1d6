"""Piped into a target that others wrote, every record arrives once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from tap_saaskpi.kpi_home import KpiHome
from tap_saaskpi.kpi_streams import STREAMS

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox

REQUIREMENT = "target-jsonl==0.1.4"


@pytest.fixture(scope="session")
def target_jsonl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The target in an environment of its own; ``TARGET_JSONL`` names one that is installed already."""
    if found := os.environ.get("TARGET_JSONL"):
        return Path(found)
    home = tmp_path_factory.mktemp("target")
    venv.create(home)
    # Our own pip, so that it need not be installed there first.
    pip = [sys.executable, "-m", "pip", "--python", str(home / "bin" / "python")]
    install = [*pip, "install", "--quiet", "--disable-pip-version-check", REQUIREMENT]
    done = subprocess.run(install, capture_output=True, text=True, timeout=90)
    if done.returncode:
        pytest.skip(f"pip cannot install {REQUIREMENT} here: {done.stderr.strip()[-200:]}")
    return home / "bin" / "target-jsonl"


@pytest.fixture
def load(target_jsonl: Path, tmp_path: Path) -> Callable[[dict[str, object]], dict[str, list[str]]]:
    """Runs the tap into the target with a config; gives the lines that arrived, by stream."""

    def run(settings: dict[str, object]) -> dict[str, list[str]]:
        config, target_config, arrived = tmp_path / "tap.json", tmp_path / "target.json", tmp_path / "arrived"
        arrived.mkdir()
        config.write_text(json.dumps(settings))
        target_config.write_text(json.dumps({"destination_path": str(arrived), "do_timestamp_file": False}))
        command = [str(Path(sys.executable).with_name("tap-saaskpi")), "--config", str(config)]
        target = [str(target_jsonl), "--config", str(target_config)]
        log = tmp_path / "tap.log"
        with log.open("w") as errors, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors) as tap:
            done = subprocess.run(target, stdin=tap.stdout, capture_output=True, text=True, timeout=90)
        assert tap.returncode == 0, log.read_text()[-2000:]
        assert done.returncode == 0, done.stderr[-2000:]
        return {file.stem: file.read_text().splitlines() for file in arrived.glob("*.jsonl")}

    return run


@pytest.mark.slow
def test_every_record_arrives_once(
    make_sandbox: Callable[..., Sandbox],
    settings_for: Callable[..., dict[str, object]],
    load: Callable[[dict[str, object]], dict[str, list[str]]],
) -> None:
    sandbox = make_sandbox(customers=20, months=12)
    lines = load(settings_for(sandbox))
    expected = {name: count for counts in sandbox.counts().values() for name, count in counts.items()}
    assert {name: len(found) for name, found in lines.items()} == {
        name: count for name, count in expected.items() if count
    }
    for name, found in lines.items():
        assert [line for line, count in Counter(found).items() if count > 1] == [], name
    assert all(isinstance(json.loads(line), dict) for found in lines.values() for line in found)


@pytest.mark.slow
def test_the_computed_tables_arrive_whole(
    home: Path, load: Callable[[dict[str, object]], dict[str, list[str]]]
) -> None:
    lines = load({"kpi_home": str(home)})
    tables = KpiHome.open(home).directory
    stored = {
        stream.name: pq.ParquetFile(tables / f"{stream.table}.parquet").metadata.num_rows
        for stream in STREAMS
    }
    assert {name: len(found) for name, found in lines.items()} == {
        name: count for name, count in stored.items() if count
    }
