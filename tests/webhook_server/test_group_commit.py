"""Requests that come together are written together; each hears what came of its own events."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial

import pytest

from saaskpi.errors import StoreError
from warehouse.inbox import Event
from webhook_server.group_commit import MOST, GroupCommit

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def events(*numbers: int) -> list[Event]:
    return [Event("stripe", f"evt_{n}", "x", b"{}", NOW) for n in numbers]


class Disk:
    """Keeps keys, can be slow or full, and counts its commits."""

    def __init__(self) -> None:
        self.kept: set[tuple[str, str]] = set()
        self.sizes: list[int] = []
        self.full = False
        self.open = threading.Event()
        self.open.set()

    def add(self, rows: Sequence[Event]) -> set[tuple[str, str]]:
        self.open.wait()
        if self.full:
            raise StoreError("The disk is full.")
        self.sizes.append(len(rows))
        new = {(row.source, row.event_id) for row in rows} - self.kept
        self.kept |= new
        return new


@pytest.fixture
def disk() -> Disk:
    return Disk()


def queue_up(
    group: GroupCommit, disk: Disk, pool: ThreadPoolExecutor, jobs: Sequence[Callable[[], int]]
) -> list[int]:
    disk.open.clear()
    first = pool.submit(group.add, events(-1))
    while not group._has_writer or group._queue:
        pass
    later = [pool.submit(job) for job in jobs]
    while len(group._queue) < len(jobs):
        pass
    disk.open.set()
    first.result()
    return [one.result() for one in later]


def test_what_waits_is_one_commit(disk: Disk) -> None:
    woken: list[int] = []
    group = GroupCommit(disk.add, lambda: woken.append(1))
    with ThreadPoolExecutor(40) as pool:
        new = queue_up(group, disk, pool, [partial(group.add, events(n)) for n in range(30)])
    assert new == [1] * 30
    assert disk.sizes == [1, 30]
    assert len(woken) == 2
    assert group.add(events(3)) == 0
    assert len(woken) == 2


def test_a_commit_has_an_end(disk: Disk) -> None:
    group = GroupCommit(disk.add, lambda: None)
    jobs = [partial(group.add, events(*range(n, n + 100))) for n in (0, 100, 200)]
    with ThreadPoolExecutor(8) as pool:
        assert queue_up(group, disk, pool, jobs) == [100] * 3
    assert disk.sizes == [1, 200, 100]
    assert max(disk.sizes) <= MOST
    assert group.add(events(*range(1000, 2000))) == 1000


def test_the_same_event_twice_at_once_is_new_once(disk: Disk) -> None:
    group = GroupCommit(disk.add, lambda: None)
    with ThreadPoolExecutor(8) as pool:
        new = queue_up(
            group, disk, pool, [partial(group.add, events(1, 2)), partial(group.add, events(2, 3))]
        )
    assert sum(new) == 3


def test_a_full_disk_is_everybodys_error_and_passes(disk: Disk) -> None:
    group = GroupCommit(disk.add, lambda: None)
    disk.full = True
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(group.add, events(n)) for n in range(8)]
    assert [type(one.exception()) for one in waiting] == [StoreError] * 8
    disk.full = False
    assert group.add(events(1)) == 1
