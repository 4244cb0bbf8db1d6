"""A pull, delta or compaction that is killed leaves the former state whole and does not hinder the next."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from subprocess import PIPE

import pyarrow.parquet as pq
import pytest

from crm_sync.inputs import newest_rows
from warehouse import incoming
from warehouse.files import FileLock
from warehouse.incoming import Claim
from warehouse.landing import Landing

STREAMS = ("first", "second", "third")
ROWS = 50

# For each number n read: a child that works and is killed (SIGKILL) before its nth step towards the disk,
# a record counting as one too. Every row carries its pull's number, in every stream. The imports, which take
# seconds, are done once.
FRAME = """
import itertools, os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from singer_sdk.singerlib import RecordMessage, SchemaMessage
from warehouse import compaction, stream_file
from warehouse.landing import Landing

stream_file.MAX_ROWS, stream_file.GROUP_ROWS = 20, 40
rows, streams = int(sys.argv[2]), sys.argv[3:]
schema = {"properties": {"id": {"type": "string"}, "pull": {"type": "integer"}}}

def work(nth):
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
    %s

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        work(int(line))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
PULL = """
    number = landing.pull() + 1
    with landing.begin(datetime.now(UTC)) as writer:
        for stream in streams:
            writer.write_message(SchemaMessage(stream, schema, ["id"]))
            for n in range(rows):
                if n % 10 == 0:
                    step()
                writer.write_message(RecordMessage(stream, {"id": str(n), "pull": number}))
"""
DELTA = """
    number = landing.state().get("number", 0) + 1
    with landing.begin_delta(datetime.now(UTC)) as writer:
        for stream in streams:
            writer.write_message(SchemaMessage(stream, schema, ["id"]))
            for n in range(rows):
                writer.write_message(RecordMessage(stream, {"id": str(n), "pull": number}))
        writer.void("first", "id", "0")
        writer.notes["number"] = number
    compaction.merge(Path(sys.argv[1]))
    if number % 3 == 0:
        landing.compact()
"""


@pytest.mark.slow
def test_killed_before_any_step_a_pull_leaves_a_whole_one(tmp_path: Path) -> None:
    root = tmp_path / "raw"
    command = [sys.executable, "-c", FRAME % PULL, str(root), str(ROWS), *STREAMS]
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


@pytest.mark.slow
def test_killed_before_any_step_a_delta_or_a_compaction_leaves_what_readers_see(tmp_path: Path) -> None:
    root = tmp_path / "raw"
    command = [sys.executable, "-c", FRAME % DELTA, str(root), "5", *STREAMS]
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, text=True, bufsize=1) as worker:
        for _ in range(3):
            assert run(worker, 0) == 0
        killed = 0
        while run(worker, killed + 1) != 0:
            killed += 1
            check_deltas(root)
    assert killed > 25, "the steps were not counted"
    check_deltas(root)
    Landing(root).begin(datetime.now(UTC)).abort()
    assert not list((root / ".incoming").glob("*"))


def check_deltas(root: Path) -> None:
    """Readers see the last delta whole: its number in all rows of all streams, and in the state."""
    landing = Landing(root)
    for stream in STREAMS:
        frame = newest_rows(landing, stream, ("id", "pull"))
        assert len(frame) == 5
        assert set(frame["pull"]) == {landing.state()["number"]}


PARALLEL = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from warehouse.columns import columns_of
from warehouse.landing import Landing

schema = {"properties": {"id": {"type": "string"}, "value": {"type": "integer"}}}
columns = columns_of(schema, ["id"])
landing, name, count = Landing(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3])
for n in range(count):
    begin = landing.begin if name == "full" else landing.begin_delta
    with begin(datetime.now(UTC)) as writer:
        writer.describe("things", columns)
        for id_ in ["kept"] if name == "full" else [name, f"{name}-{n}"]:
            writer.add("things", {"id": id_, "value": n})
    if name == "compacting":
        landing.compact()
print(writer.number)
"""


@pytest.mark.slow
def test_deltas_pulls_and_compactions_of_several_processes_lose_nothing(tmp_path: Path) -> None:
    root = str(tmp_path / "raw")
    subprocess.run([sys.executable, "-c", PARALLEL, root, "full", "1"], check=True, capture_output=True)
    jobs = [("one", 25), ("two", 25), ("compacting", 6)]
    workers = [
        subprocess.Popen([sys.executable, "-c", PARALLEL, root, name, str(count)], stdout=PIPE)
        for name, count in jobs
    ]
    assert [worker.wait() for worker in workers] == [0, 0, 0]
    for worker in workers:
        worker.communicate()
    frame = newest_rows(Landing(Path(root)), "things", ("id", "value"))
    seen = dict(zip(frame["id"], frame["value"], strict=True))
    want = {f"{name}-{n}": n for name, count in jobs for n in range(count)}
    assert seen == want | {name: count - 1 for name, count in jobs} | {"kept": 0}


def test_what_its_owner_removes_while_it_is_swept_hinders_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    former = Claim.take(tmp_path)
    number = former.number

    class Late(FileLock):
        """Asks for a lock when the owner of the folder has ended since it was listed."""

        def acquire(self, *, wait: bool | float) -> bool:
            former.release()
            return super().acquire(wait=wait)

    with monkeypatch.context() as patched:
        patched.setattr(incoming, "FileLock", Late)
        incoming.sweep(tmp_path)
    assert not former.directory.exists()
    later = Claim.take(tmp_path)
    assert later.number == number
    later.release()


def check(root: Path) -> None:
    """Readers see one pull whole: the same number in all rows of all streams."""
    landing = Landing(root)
    for stream in STREAMS:
        table = pq.read_table(landing.files(stream)[0], partitioning=None)
        assert len(table) == ROWS
        assert set(table["pull"].to_pylist()) == {landing.pull()}
