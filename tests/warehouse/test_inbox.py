"""The inbox, on both databases: once each, claims that run out, tries that end."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.inbox import ATTEMPTS, Counts, Event, Inbox, delay_after
from warehouse.store import Store

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def event(number: int, at: datetime = NOW, source: str = "stripe") -> Event:
    return Event(source, f"evt_{number}", "invoice.paid", b"{}", at)


@pytest.fixture
def inbox(store: Store) -> Inbox:
    return Inbox(store.engine)


def numbers(inbox: Inbox, now: datetime = NOW, holder: str = "a", limit: int = 100) -> list[str]:
    return [row.event_id for row in inbox.claim(holder, now, limit, MINUTE)]


def test_an_event_is_in_once(inbox: Inbox) -> None:
    assert inbox.add([event(1), event(2), event(1)]) == {("stripe", "evt_1"), ("stripe", "evt_2")}
    assert inbox.add([event(2), event(3), event(2, source="usage")]) == {
        ("stripe", "evt_3"),
        ("usage", "evt_2"),
    }
    assert inbox.add([]) == set()
    assert inbox.counts() == Counts(4, 0, NOW)


def test_more_than_one_statement_holds(inbox: Inbox) -> None:
    assert len(inbox.add([event(n) for n in range(1500)])) == 1500
    rows = inbox.claim("a", NOW, 2000, MINUTE)
    inbox.done([row.id for row in rows], NOW)
    assert inbox.counts() == Counts(0, 0, None)


def test_a_claim_keeps_others_away_until_it_runs_out(inbox: Inbox) -> None:
    inbox.add([event(n, NOW + timedelta(seconds=n - 3)) for n in (2, 1, 3, 4)])
    assert numbers(inbox, limit=2) == ["evt_1", "evt_2"]
    assert numbers(inbox, holder="b") == ["evt_3"]  # the fourth is not due yet
    late = NOW + timedelta(seconds=59)
    assert numbers(inbox, late) == ["evt_4"]
    inbox.renew("b", late + MINUTE)
    assert numbers(inbox, NOW + MINUTE, holder="c") == ["evt_1", "evt_2"]


def test_processed_events_do_not_come_back(inbox: Inbox) -> None:
    inbox.add([event(1), event(2)])
    rows = inbox.claim("a", NOW, 10, MINUTE)
    inbox.done([rows[0].id], NOW)
    inbox.release([row.id for row in rows], NOW + MINUTE, "down")
    assert numbers(inbox) == []
    assert numbers(inbox, NOW + MINUTE) == ["evt_2"]
    assert inbox.add([event(1)]) == set()


def test_tries_grow_apart_and_end(inbox: Inbox) -> None:
    inbox.add([event(1), event(2)])
    now, rests = NOW, []
    for attempt in range(1, ATTEMPTS + 1):
        (row,) = [row for row in inbox.claim("a", now, 10, MINUTE) if row.event_id == "evt_1"]
        assert row.attempts == attempt - 1
        assert inbox.retry([row.id], now, "broken") == (attempt == ATTEMPTS)
        rests.append(delay_after(attempt))
        now += rests[-1]
    assert rests == sorted(rests)
    (dead,) = inbox.dead()
    assert (dead["event_id"], dead["error"], dead["status"]) == ("evt_1", "broken", "dead")
    assert "payload" not in dead
    assert numbers(inbox, now + timedelta(days=9)) == ["evt_2"]
    assert inbox.revive([dead["id"]], now) == 1
    assert numbers(inbox, now, holder="b") == ["evt_1"]
    inbox.bury([dead["id"]], "no use")
    assert inbox.revive(None, now) == 1


def test_payloads_are_forgotten_and_ids_stay(inbox: Inbox) -> None:
    inbox.add([event(1), event(2), event(3)])
    first, second, _third = inbox.claim("a", NOW, 10, MINUTE)
    inbox.done([first.id], NOW)
    inbox.bury([second.id], "no use")
    assert inbox.forget_payloads(NOW) == 0
    assert inbox.forget_payloads(NOW + MINUTE) == 2
    assert inbox.add([event(1)]) == set()
    assert inbox.revive(None, NOW) == 0
    assert [row.payload for row in inbox.claim("b", NOW + MINUTE, 10, MINUTE)] == [b"{}"]


def test_two_workers_share_without_overlap(store: Store) -> None:
    inbox = Inbox(store.engine)
    inbox.add([event(n) for n in range(200)])
    taken: dict[str, list[str]] = {"a": [], "b": [], "c": []}

    def work(holder: str) -> None:
        while found := numbers(inbox, holder=holder, limit=7):
            taken[holder] += found

    threads = [threading.Thread(target=work, args=(holder,)) for holder in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    every = [number for found in taken.values() for number in found]
    assert sorted(every) == sorted(f"evt_{n}" for n in range(200))


@given(st.integers(1, 10_000))
def test_a_rest_is_never_too_long(attempt: int) -> None:
    assert timedelta(0) < delay_after(attempt) <= timedelta(hours=1)
