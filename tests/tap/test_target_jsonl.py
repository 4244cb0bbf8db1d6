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

import pytest

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
    venv.create(home, with_pip=True)
    install = [str(home / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", REQUIREMENT]
    done = subprocess.run(install, capture_output=True, text=True, timeout=90)
    if done.returncode:
        pytest.skip(f"pip cannot install {REQUIREMENT} here: {done.stderr.strip()[-200:]}")
    return home / "bin" / "target-jsonl"


@pytest.mark.slow
def test_every_record_arrives_once(
    make_sandbox: Callable[..., Sandbox],
    settings_for: Callable[..., dict[str, object]],
    target_jsonl: Path,
    tmp_path: Path,
) -> None:
    sandbox = make_sandbox(customers=40, months=18)
    config, target_config, arrived = tmp_path / "tap.json", tmp_path / "target.json", tmp_path / "arrived"
    arrived.mkdir()
    config.write_text(json.dumps(settings_for(sandbox)))
    target_config.write_text(json.dumps({"destination_path": str(arrived), "do_timestamp_file": False}))
    command = [str(Path(sys.executable).with_name("tap-saaskpi")), "--config", str(config)]
    target = [str(target_jsonl), "--config", str(target_config)]
    log = tmp_path / "tap.log"
    with log.open("w") as errors, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors) as tap:
        done = subprocess.run(target, stdin=tap.stdout, capture_output=True, text=True, timeout=90)
    assert tap.returncode == 0, log.read_text()[-2000:]
    assert done.returncode == 0, done.stderr[-2000:]

    expected = {name: count for counts in sandbox.counts().values() for name, count in counts.items()}
    lines = {file.stem: file.read_text().splitlines() for file in arrived.glob("*.jsonl")}
    assert {name: len(found) for name, found in lines.items()} == {
        name: count for name, count in expected.items() if count
    }
    for name, found in lines.items():
        assert [line for line, count in Counter(found).items() if count > 1] == [], name
    assert all(isinstance(json.loads(line), dict) for found in lines.values() for line in found)
