"""The worker: bursts become one refresh, a bad event is found, and nothing is lost by whatever fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from connectors.touched import Touched
from saaskpi.errors import (
    AccessError,
    MissingPermissionError,
    NeedsPersonError,
    SaaskpiError,
    StoreError,
    UnavailableError,
    UsageError,
)
from tests.support.webhooks import stripe_body, webhook_settings
from warehouse import tables
from warehouse.inbox import ATTEMPTS, Event, Inbox, Received
from webhook_server.debounce import Debounce
from webhook_server.live import Live
from webhook_server.services import Services
from webhook_server.worker import Worker

START = datetime(2026, 11, 1, 12, tzinfo=UTC)
QUIET = timedelta(seconds=1)


def row(number: int, seconds: float) -> Received:
    return Received(number, "stripe", f"evt_{number}", "x", b"{}", START + timedelta(seconds=seconds), 0)


def test_a_burst_waits_until_it_is_over() -> None:
    held = Debounce(QUIET)
    for number, (about, at) in enumerate([("a", 0), ("b", 0), ("a", 0.5), ("a", 1.2)]):
        held.add(about, row(number, at))
    assert held.next_due() == START + QUIET
    assert [one.id for one in held.ripe(START + QUIET, 9)] == [1]
    assert held.ripe(START + 2 * QUIET, 9) == []
    assert [one.id for one in held.ripe(START + 2.2 * QUIET, 9)] == [0, 2, 3]
    assert held.next_due() is None


def test_of_many_that_are_due_those_go_first_that_are_due_the_longest() -> None:
    held = Debounce(QUIET)
    for number, (about, at) in enumerate([("a", 0.2), ("b", 0.1), ("c", 0), ("b", 0.3), ("d", 5)]):
        held.add(about, row(number, at))
    later = START + 3 * QUIET
    assert [[one.id for one in held.ripe(later, 2)] for _ in range(3)] == [[2, 0], [1, 3], []]
    assert len(held) == 1


@given(st.lists(st.floats(0, 0.9), max_size=40))
def test_who_never_rests_is_served_all_the_same(gaps: list[float]) -> None:
    held, at = Debounce(QUIET), 0.0
    for number, gap in enumerate(gaps):
        at += gap
        held.add("a", row(number, at))
    due = held.next_due()
    assert due is None or due <= START + timedelta(seconds=gaps[0]) + 4 * QUIET


class Home:
    """A worker over an inbox, a clock that a test moves, and a refresh that can fail."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.inbox = live.inbox
        self.refreshed: list[set[str]] = []
        self.fail: Callable[[set[str]], Exception | None] = lambda customers: None
        self.worker = self.restarted()

    def restarted(self) -> Worker:
        self.worker = Worker(self.live, self.refresh)
        return self.worker

    def refresh(self, touched: Touched) -> None:
        customers = set(touched.customers)
        error = self.fail(customers)
        if error:
            raise error
        self.refreshed.append(customers)

    def send(self, *numbers: int) -> None:
        now = self.live.services.now()
        self.inbox.add([Event("stripe", f"evt_{n}", "invoice.paid", stripe_body(n), now) for n in numbers])

    def work(self, clock: Clock, rounds: int = 1, seconds: float = 1.0) -> None:
        for _ in range(rounds):
            clock.at += timedelta(seconds=seconds)
            self.worker._paused_until = 0.0  # pauses are of the wall clock
            self.worker.step()


def raised(home: Home) -> list[dict[str, Any]]:
    query = sa.select(tables.alerts)
    with home.live.services.store.engine.connect() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


class Clock:
    at = START

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def home(tmp_path: Path, clock: Clock) -> Iterator[Home]:
    services = Services(webhook_settings(tmp_path), now=clock)
    yield Home(Live(services))
    services.close()


@pytest.mark.parametrize(
    "error, is_halted",
    [
        (AccessError("The key is refused."), True),
        (MissingPermissionError("The key may not see events."), False),
        (UnavailableError("Stripe does not answer."), False),
        (sa.exc.OperationalError("SELECT", None, Exception("the store is away")), False),
    ],
)
def test_whatever_catching_up_meets_the_worker_begins(
    home: Home, monkeypatch: pytest.MonkeyPatch, error: Exception, is_halted: bool
) -> None:
    def fails(*_: object) -> object:
        raise error

    home.send(1)
    monkeypatch.setattr("webhook_server.worker.missed", fails)
    monkeypatch.setattr(Worker, "_opened", lambda self: SimpleNamespace(stripe=None, close=lambda: None))
    worker = Worker(home.live)
    worker._catch_up()
    assert (worker.trouble() is not None) == is_halted
    assert home.inbox.counts().waiting == 1


def test_the_end_of_a_burst_is_waited_for_once(home: Home) -> None:
    class Busy(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            home.live.arrived.set()  # more comes in meanwhile
            return False

    home.worker._stop = Busy()
    home.live.arrived.set()
    home.worker._wait()
    assert not home.live.arrived.is_set(), "the claim that follows takes along what came in meanwhile"


def test_many_due_accounts_are_one_refresh(home: Home, clock: Clock) -> None:
    home.send(*range(50))
    home.work(clock)
    assert home.refreshed == [{f"cus_{n}" for n in range(50)}]
    assert home.inbox.counts().waiting == 0
    home.work(clock, 3)
    assert len(home.refreshed) == 1


def test_a_storm_is_refreshed_in_parts_and_nothing_of_it_is_lost(
    home: Home, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webhook_server.worker.MOST", 10)
    monkeypatch.setattr("webhook_server.worker.MOST_HELD", 40)
    monkeypatch.setattr("webhook_server.worker.MOST_ACCOUNTS", 20)
    home.send(*range(100))
    claimed = []
    while home.inbox.counts().waiting:
        home.work(clock)
        claimed.append(len(home.worker._debounce))
    assert [len(customers) for customers in home.refreshed] == [20] * 5
    assert set().union(*home.refreshed) == {f"cus_{n}" for n in range(100)}
    assert max(claimed) < 40, "what is held back is bounded, too"


def test_a_backlog_of_few_accounts_costs_one_refresh_of_each(home: Home, clock: Clock) -> None:
    now = home.live.services.now()
    for n in range(30):
        bodies = [(f"evt_{n}_{of}", stripe_body(of)) for of in range(100)]
        home.inbox.add([Event("stripe", event, "invoice.paid", body, now) for event, body in bodies])
    home.work(clock, rounds=2)
    assert [len(customers) for customers in home.refreshed] == [50, 50]
    assert home.inbox.counts().waiting == 0


class Stop(threading.Event):
    """Waits for nothing, and knows how long it should have."""

    def __init__(self) -> None:
        super().__init__()
        self.waited: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waited.append(timeout)
        return False


def test_the_next_part_of_a_storm_begins_at_once(home: Home) -> None:
    home.worker._stop = stop = Stop()
    home.worker._debounce.add("cus_1", row(1, -5))
    home.live.arrived.set()
    home.worker._wait()
    assert stop.waited == []


def test_after_a_large_claim_more_is_let_come_in_before_the_next(home: Home, clock: Clock) -> None:
    home.worker._stop, home.worker._quiet = (stop := Stop()), 0.05
    for numbers in ([0], range(1, 50)):
        home.send(*numbers)
        home.work(clock)
        home.live.arrived.set()
        home.worker._wait()
    assert stop.waited == [0.05, 0.25]


def test_what_touches_nothing_is_done_without_a_refresh(home: Home, clock: Clock) -> None:
    body = stripe_body(1, "account.updated", object="account", id="acct_1")
    home.inbox.add([Event("stripe", "evt_1", "account.updated", body, START)])
    home.inbox.add([Event("hubspot", "1", "x", b"\xff", START)])
    home.work(clock)
    assert home.refreshed == []
    assert home.inbox.counts().waiting == 0


def test_of_a_storm_that_touches_nothing_no_more_is_held_either(
    home: Home, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webhook_server.worker.MOST", 10)
    monkeypatch.setattr("webhook_server.worker.MOST_HELD", 40)
    body = stripe_body(1, "account.updated", object="account", id="acct_1")
    home.inbox.add([Event("stripe", f"evt_{n}", "account.updated", body, START) for n in range(100)])
    waiting = []
    for _ in range(3):
        home.work(clock)
        waiting.append(home.inbox.counts().waiting)
    assert waiting == [60, 20, 0]


def test_a_bad_event_is_found_and_dies_alone(home: Home, clock: Clock) -> None:
    home.fail = lambda customers: ValueError("cus_7 is poison") if "cus_7" in customers else None
    home.send(*range(20))
    home.work(clock)
    assert set().union(*home.refreshed) == {f"cus_{n}" for n in range(20)} - {"cus_7"}
    assert home.inbox.counts().waiting == 1
    home.work(clock, ATTEMPTS * 2, seconds=3600)
    (dead,) = home.inbox.dead()
    assert [told["kind"] for told in raised(home)] == ["dead_letters"]
    assert (dead["event_id"], dead["error"]) == ("evt_7", "ValueError")  # no text that may quote the event
    home.fail = lambda customers: None
    home.inbox.revive(None, clock())
    home.work(clock)
    assert {"cus_7"} in home.refreshed


def test_when_everything_fails_the_events_are_not_to_blame(home: Home, clock: Clock) -> None:
    home.fail = lambda customers: ZeroDivisionError()
    home.send(*range(100))
    home.work(clock)
    assert home.inbox.counts().waiting == 100
    tried = [one.attempts for one in home.inbox.claim("test", clock() + timedelta(days=1), 200, QUIET)]
    assert sum(tried) == 5
    assert max(tried) == 1


@pytest.mark.parametrize("error", [UnavailableError("down"), StoreError("busy"), UsageError("no file")])
def test_an_outage_kills_no_event_however_long_it_lasts(
    home: Home, clock: Clock, error: SaaskpiError
) -> None:
    home.fail = lambda customers: error
    home.send(1, 2, 3)
    home.work(clock, 100, seconds=600)
    assert home.inbox.counts().waiting == 3
    home.fail = lambda customers: None
    home.work(clock, 2, seconds=600)
    assert home.refreshed == [{"cus_1", "cus_2", "cus_3"}]


def test_events_that_could_not_be_marked_are_done_again(
    home: Home, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = home.inbox.done

    def full(*_: Any) -> None:
        monkeypatch.setattr(home.inbox, "done", done)
        raise StoreError("The disk is full.")

    monkeypatch.setattr(home.inbox, "done", full)
    home.send(1, 2)
    home.live.services.settings.server.debounce_seconds = 0.0
    worker = home.restarted()
    clock.at += QUIET
    with pytest.raises(StoreError):
        worker.step()
    worker._stumbled = True
    home.work(clock)
    assert home.refreshed == [{"cus_1", "cus_2"}] * 2
    assert home.inbox.counts().waiting == 0


def test_a_refused_key_stops_the_calls(home: Home, clock: Clock) -> None:
    calls = []

    def refuse(customers: set[str]) -> Exception:
        calls.append(customers)
        return AccessError("The key is refused.")

    home.fail = refuse
    home.send(1, 2)
    home.work(clock, 50)
    home.send(3)
    home.work(clock, 50)
    assert len(calls) == 1
    (told,) = raised(home)
    assert told["kind"] == "access_refused"
    assert "The key is refused." in told["message"]
    assert "The key is refused." in (home.worker.trouble() or "")
    assert home.inbox.counts().waiting == 3
    home.fail = lambda customers: None
    home.restarted()
    home.work(clock, 2)
    assert set().union(*home.refreshed) == {"cus_1", "cus_2", "cus_3"}
    assert raised(home)[0]["over_at"] is not None


def test_a_guard_holds_nothing_up(home: Home, clock: Clock) -> None:
    home.fail = lambda customers: NeedsPersonError("too much")
    home.send(1)
    home.work(clock)
    assert home.inbox.counts().waiting == 0


def test_posted_usage_reaches_the_home_once(home: Home, clock: Clock, tmp_path: Path) -> None:
    from saaskpi.usage.posted import posted_sources
    from saaskpi.usage.reading import read_usage

    body = b'{"account":"cus_1","event":"report","at":"2026-11-01T10:00:00+00:00","quantity":2}'
    home.inbox.add([Event("usage", f"id:{n}", "usage", body, START) for n in range(3)])
    home.fail = lambda customers: UnavailableError("down")  # written, but not marked as done
    home.work(clock)
    home.fail = lambda customers: None
    home.inbox.add([Event("usage", "id:9", "usage", body, START)])
    home.work(clock, 3, seconds=60)
    assert home.refreshed == [{"cus_1"}]
    sources = posted_sources(tmp_path, "stripe_customer_id")
    assert sum(read_usage(sources, tmp_path / "usage", clock()).rows.values()) == 4


def test_a_running_worker_ends_cleanly_and_gives_back_what_it_holds(home: Home, tmp_path: Path) -> None:
    services = Services(webhook_settings(tmp_path), now=lambda: datetime.now(UTC))
    services.settings.server.debounce_seconds = 0.05
    live, done = Live(services), threading.Event()
    worker = Worker(live, lambda touched: done.set())
    worker.start()
    live.intake.add([Event("stripe", "evt_1", "invoice.paid", stripe_body(1), services.now())])
    assert done.wait(60)
    services.settings.server.debounce_seconds = 60
    held = Worker(live, lambda touched: None)
    worker.stop()
    assert worker.trouble() == "The worker has ended."
    held.start()
    live.intake.add([Event("stripe", "evt_2", "invoice.paid", stripe_body(2), services.now())])
    deadline = time.monotonic() + 60
    while not held._debounce.next_due() and time.monotonic() < deadline:
        time.sleep(0.02)
    held.stop()
    free = Inbox(services.store.engine).claim("b", services.now(), 9, QUIET)
    assert [one.event_id for one in free] == ["evt_2"]
    services.close()
