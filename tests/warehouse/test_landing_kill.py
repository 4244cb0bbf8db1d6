"""A pull that is killed, wherever it is, leaves the former state whole and does not hinder the next pull."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from subprocess import PIPE

import pyarrow.parquet as pq

from warehouse.landing import Landing

STREAMS = ("first", "second", "third")
ROWS = 50

# For each number n read: a child that pulls and is killed (SIGKILL) before its nth step towards the disk,
# a record counting as one too. Every row carries its pull's number, in every stream. The imports, which take
# seconds, are done once.
WORKER = """
import itertools, os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from singer_sdk.singerlib import RecordMessage, SchemaMessage
from warehouse import stream_file
from warehouse.landing import Landing

stream_file.MAX_ROWS = 20
rows, streams = int(sys.argv[2]), sys.argv[3:]

def pull(nth):
    steps = itertools.count(1)
    def step():
        if next(steps) == nth:
            os.kill(os.getpid(), signal.SIGKILL)
    def counted(function):
        def wrapper(*args, **kwargs):
            step()
            return function(*args, **kwargs)
        return wrapper
    for name in ("fsync", "rename", "replace", "mkdir"):
        setattr(os, name, counted(getattr(os, name)))
    landing = Landing(Path(sys.argv[1]))
    number = landing.pull() + 1
    schema = {"properties": {"id": {"type": "string"}, "pull": {"type": "integer"}}}
    with landing.begin(datetime.now(UTC)) as writer:
        for stream in streams:
            writer.write_message(SchemaMessage(stream, schema, ["id"]))
            for n in range(rows):
                if n % 10 == 0:
                    step()
                writer.write_message(RecordMessage(stream, {"id": str(n), "pull": number}))

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        pull(int(line))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def test_killed_before_any_step_a_pull_leaves_a_whole_one(tmp_path: Path) -> None:
    root = tmp_path / "raw"
    command = [sys.executable, "-c", WORKER, str(root), str(ROWS), *STREAMS]
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, text=True, bufsize=1) as worker:
        assert run(worker, 0) == 0
        killed = 0
        while run(worker, killed + 1) != 0:
            killed += 1
            check(root)
    assert killed > 25, "the steps were not counted"
    check(root)
    Landing(root).begin(datetime.now(UTC)).abort()
    assert not list((root / ".incoming").glob("*"))


def run(worker: subprocess.Popen[str], nth: int) -> int:
    """Pull once, killed before step ``nth``; 0 is never; return the exit code."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write(f"{nth}\n")
    return int(worker.stdout.readline())


def check(root: Path) -> None:
    """Readers see one pull whole: the same number in all rows of all streams."""
    landing = Landing(root)
    for stream in STREAMS:
        table = pq.read_table(landing.files(stream)[0], partitioning=None)
        assert len(table) == ROWS
        assert set(table["pull"].to_pylist()) == {landing.pull()}
