"""What is read anew lands exactly as a full pull would land it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.stripe.events import touched_by
from connectors.touched import Ref, Touched
from saaskpi.errors import AccessError, UnavailableError
from saaskpi.pipeline import Pipeline
from saaskpi.progress import Silent
from saaskpi.pulling import NOTE
from saaskpi.rereading import STREAMS, THREADS, Reread, reread
from saaskpi.settings import Settings
from sandbox.crm.object_types import OBJECT_TYPES
from sandbox.faults import Fault
from tests.support.kept import Kept
from tests.support.landings import different, rows_of
from tests.support.spine import ask, settings_for

if TYPE_CHECKING:
    from sandbox import Sandbox

NOW = datetime(2026, 11, 22, tzinfo=UTC)


class Homes:
    """Homes of one sandbox, each with a landing of its own.

    Args:
        sandbox: what they read.
        first: settings of one that has read everything.
    """

    def __init__(self, sandbox: Sandbox, first: Settings) -> None:
        self._sandbox, self._first = sandbox, first
        self._pipelines: list[Pipeline] = []

    def pulled(self) -> Pipeline:
        """A home that has read everything: the first one as it was in the beginning, another one now."""
        if not self._pipelines:
            return self._opened(self._first)
        pipeline = self.pipeline(f"home{len(self._pipelines)}")
        pipeline.pull()
        return pipeline

    def pipeline(self, name: str) -> Pipeline:
        return self._opened(settings_for(self._sandbox, self._first.home.with_name(name)))

    def _opened(self, settings: Settings) -> Pipeline:
        self._pipelines.append(Pipeline(settings, now=lambda: datetime.now(UTC), stages=Silent()))
        return self._pipelines[-1]

    def close(self) -> None:
        for pipeline in self._pipelines:
            pipeline.close()


@pytest.fixture
def begun(kept: Kept, tmp_path: Path) -> tuple[Sandbox, Settings]:
    return kept.begin(tmp_path / "first", "pull", customers=8, months=5)


@pytest.fixture
def world(begun: tuple[Sandbox, Settings]) -> Sandbox:
    return begun[0]


@pytest.fixture
def homes(begun: tuple[Sandbox, Settings]) -> Iterator[Homes]:
    made = Homes(*begun)
    yield made
    made.close()


def again(pipeline: Pipeline, touched: Touched) -> Reread:
    return reread(pipeline.landing, pipeline.stripe, pipeline.hubspot, touched, datetime.now(UTC))


def everything(sandbox: Sandbox) -> Touched:
    """Every object that the sandbox has."""
    objects = sandbox.world.stripe
    kinds = ("customer", "subscription", "invoice", "charge", "price", "product", "coupon", "event")
    stripe = {Ref(kind, id_) for kind in kinds for id_ in objects.ids(kind)}
    hubspot = {
        Ref(kind, str(record.id)) for kind, table in sandbox.crm.tables.items() for record in table.live()
    }
    return Touched(stripe=frozenset(stripe), hubspot=frozenset(hubspot))


def test_after_a_month_the_changed_objects_read_anew_leave_what_a_full_pull_leaves(
    world: Sandbox, homes: Homes
) -> None:
    before = homes.pulled()
    world.advance(31)
    again(before, everything(world))
    assert different(before.landing, homes.pulled().landing) == {}


def test_a_pull_of_what_has_changed_leaves_what_a_full_pull_leaves(world: Sandbox, homes: Homes) -> None:
    before = homes.pulled()
    world.advance(12)
    company = next(iter(world.crm.tables["companies"].live()))
    world.crm.update(OBJECT_TYPES["companies"], company, {"name": "Renamed"})
    result = before.pull()
    assert not result.full
    assert 0 < sum(result.rows.values()) < sum(before.landing.rows(stream) for stream in STREAMS) / 2
    whole = homes.pulled()
    # Usage has no events: that of customers without any comes with the next full pull.
    assert set(different(before.landing, whole.landing)) <= {"stripe_meter_event_summaries"}
    before.pull()
    assert set(different(before.landing, whole.landing)) <= {"stripe_meter_event_summaries"}


@pytest.mark.slow
def test_without_bookmarks_or_when_they_are_too_old_everything_is_read_and_it_says_so(
    world: Sandbox, homes: Homes
) -> None:
    pipeline = homes.pipeline("home")
    first = pipeline.pull()
    assert (first.full, first.why_full) == (True, "nothing was read before")
    assert pipeline.pull(full=True).why_full == ""
    world.advance(31)
    assert "no longer keeps" in pipeline.pull().why_full
    world.advance(1)
    assert not pipeline.pull().full
    with pipeline.landing.begin_delta(NOW) as delta:
        delta.notes[NOTE] = pipeline.landing.state()[NOTE] | {"read_at": "2026-01-01T00:00:00+00:00"}
    assert "days ago" in pipeline.pull().why_full


def test_when_most_customers_have_changed_everything_is_read(
    world: Sandbox, homes: Homes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("saaskpi.pulling.FEW_CUSTOMERS", 1)
    pipeline = homes.pulled()
    world.advance(25)
    assert "customers have changed" in pipeline.pull().why_full


def test_a_pull_that_breaks_off_moves_no_bookmark(world: Sandbox, homes: Homes) -> None:
    pipeline = homes.pulled()
    marks = pipeline.landing.state()
    world.advance(5)
    world.faults.add(Fault("401", vendor="stripe", path="/v1/customers", after=1))
    with pytest.raises(AccessError):
        pipeline.pull()
    assert pipeline.landing.state() == marks
    world.faults.clear()
    pipeline.pull()
    assert pipeline.landing.state() != marks
    assert set(different(pipeline.landing, homes.pulled().landing)) <= {"stripe_meter_event_summaries"}


def test_an_event_names_what_a_full_pull_of_its_account_would_find(world: Sandbox, homes: Homes) -> None:
    pipeline = homes.pulled()
    world.advance(20)
    events = [event for page in pipeline.stripe.list("/v1/events") for event in page]
    paid = next(event for event in events if event["type"] == "invoice.paid")
    customer = paid["data"]["object"]["customer"]
    found = again(pipeline, touched_by(paid))
    assert found.customers == {customer}
    whole = homes.pulled().landing
    for stream in ("stripe_customers", "stripe_subscriptions"):
        column = "id" if stream == "stripe_customers" else "customer"
        ours, theirs = (
            {key: row for key, row in rows_of(one, stream).items() if row[column] == customer}
            for one in (pipeline.landing, whole)
        )
        assert ours == theirs
        assert ours
    for key in [(paid["data"]["object"]["id"],)]:
        assert rows_of(pipeline.landing, "stripe_invoices")[key] == rows_of(whole, "stripe_invoices")[key]
    assert rows_of(pipeline.landing, "stripe_events")[paid["id"],]["type"] == "invoice.paid"


def test_merged_deleted_and_erased_records_are_void_with_their_links(world: Sandbox, homes: Homes) -> None:
    pipeline = homes.pulled()
    crm, (companies, contacts) = world.crm, (OBJECT_TYPES["companies"], OBJECT_TYPES["contacts"])
    linked = list(crm.tables["companies"].live())
    people = list(crm.tables["contacts"].live())
    survivor = crm.merge(companies, linked[0], linked[1])
    crm.archive(companies, linked[2])
    crm.archive(contacts, people[0])
    crm.purge(contacts, people[1])
    merged = [Ref("companies", str(linked[number].id)) for number in (0, 1)]
    deleted, erased = Ref("companies", str(linked[2].id)), Ref("contacts", str(people[1].id))
    touched = Touched(
        hubspot=frozenset({merged[0], deleted, Ref("contacts", str(people[0].id))}),
        gone=frozenset({merged[1], erased}),
        erased=frozenset({erased}),
    )
    asked = len(ask(world, "requests")["requests"])
    found = again(pipeline, touched)
    assert found.merged == dict.fromkeys(merged, Ref("companies", str(survivor.id)))
    assert found.missing == {*merged, deleted, Ref("contacts", str(people[0].id))}
    assert {ref.id for ref in [*merged, deleted]} | {str(survivor.id)} <= found.companies
    assert erased.id in found.contacts
    assert all(erased.id not in str(call) for call in ask(world, "requests")["requests"][asked:])
    # What was linked to the companies is linked anew; HubSpot sends an event for each.
    again(pipeline, replace(everything(world), stripe=frozenset()))
    assert different(pipeline.landing, homes.pulled().landing) == {}


def test_a_customer_that_is_deleted_is_void(world: Sandbox, homes: Homes) -> None:
    pipeline = homes.pulled()
    id_ = world.world.stripe.ids("customer")[0]
    objects = type(world.world.stripe)
    with pytest.MonkeyPatch.context() as patched:
        get, deleted = objects.get, objects.deleted
        patched.setattr(objects, "get", lambda self, kind, one: None if one == id_ else get(self, kind, one))
        patched.setattr(objects, "deleted", lambda self, kind, one: one == id_ or deleted(self, kind, one))
        found = again(pipeline, Touched(gone=frozenset({Ref("customer", id_)})))
    assert found.missing == {Ref("customer", id_)}
    assert found.customers == {id_}
    assert (id_,) not in rows_of(pipeline.landing, "stripe_customers")


def test_an_event_that_stripe_has_forgotten_stays(world: Sandbox, homes: Homes) -> None:
    pipeline = homes.pulled()
    before = rows_of(pipeline.landing, "stripe_events")
    known = next(iter(before))[0]
    refs = frozenset({Ref("event", known), Ref("event", "evt_never_seen")})
    with pytest.MonkeyPatch.context() as patched:
        objects = type(world.world.stripe)
        get = objects.get
        patched.setattr(
            objects, "get", lambda self, kind, one: None if kind == "event" else get(self, kind, one)
        )
        found = again(pipeline, Touched(stripe=refs))
    assert found.missing == refs
    assert rows_of(pipeline.landing, "stripe_events") == before
    assert pipeline.landing.gone("stripe_events") == []


def test_a_refused_key_costs_one_call_per_thread_and_nothing_lands(world: Sandbox, homes: Homes) -> None:
    pipeline = homes.pulled()
    before, asked = pipeline.landing.pull(), len(ask(world, "requests")["requests"])
    world.faults.add(Fault("401", vendor="stripe"))
    world.faults.add(Fault("latency", vendor="stripe", seconds=0.05))
    with pytest.raises(AccessError):
        again(pipeline, everything(world))
    refused = [call for call in ask(world, "requests")["requests"][asked:] if call["status"] == 401]
    assert 1 <= len(refused) <= THREADS
    assert (pipeline.landing.pull(), pipeline.landing.manifest().deltas) == (before, [])


def test_a_vendor_that_is_down_leaves_everything_as_it_was(
    world: Sandbox, homes: Homes, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = homes.pulled()
    before = pipeline.landing.pull()
    monkeypatch.setattr(pipeline.hubspot.http, "_sleep", lambda _: None)
    world.faults.add(Fault("status", vendor="hubspot", status=503))
    company = next(iter(world.crm.tables["companies"].live()))
    customer = world.world.stripe.ids("customer")[0]
    touched = Touched(
        stripe=frozenset({Ref("customer", customer)}),
        hubspot=frozenset({Ref("companies", str(company.id))}),
    )
    with pytest.raises(UnavailableError):
        again(pipeline, touched)
    assert (pipeline.landing.pull(), pipeline.landing.manifest().deltas) == (before, [])
    world.faults.clear()
    again(pipeline, touched)
    assert pipeline.landing.pull() == before + 1


def test_one_account_is_read_in_few_round_trips(world: Sandbox, homes: Homes) -> None:
    pipeline = homes.pulled()
    events = [event for page in pipeline.stripe.list("/v1/events") for event in page]
    failed = next(event for event in events if event["type"].startswith("invoice."))
    companies = [str(record.id) for record in world.crm.tables["companies"].live()][:2]
    touched = touched_by(failed) | Touched(hubspot=frozenset(Ref("companies", id_) for id_ in companies))
    again(pipeline, touched)
    world.faults.add(Fault("latency", seconds=2.0))
    started = time.monotonic()
    again(pipeline, touched)
    assert time.monotonic() - started < 3 * 2.0, "two round trips, and the time of a busy machine"


@pytest.mark.slow
def test_much_usage_of_a_customer_is_read_whole_and_in_three_round_trips(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, settings = kept.begin(tmp_path / "first", "pull", customers=30, months=5)
    homes = Homes(world, settings)
    monkeypatch.setattr("connectors.stripe.client.PAGE", 10)
    monkeypatch.setattr("connectors.stripe.anew.PAGE", 10)
    before = homes.pulled()
    usage = before.landing.files("stripe_meter_event_summaries")
    counts = pa.concat_tables([pq.read_table(file, partitioning=None) for file in usage])["customer"]
    customer, days = max(Counter(map(str, counts.to_pylist())).items(), key=itemgetter(1))
    assert days > 8 * 10
    touched = Touched(customers=frozenset({customer}))
    again(before, touched)
    assert different(before.landing, homes.pulled().landing) == {}
    world.faults.add(Fault("latency", seconds=1.0))
    started = time.monotonic()
    again(before, touched)
    assert time.monotonic() - started < 6.0
    homes.close()


@pytest.mark.slow
def test_usage_after_the_last_subscription_has_ended_is_read_anew_as_well(kept: Kept, tmp_path: Path) -> None:
    world, settings = kept.begin(tmp_path / "first", "pull", customers=300, months=12, seed=7)
    homes = Homes(world, settings)
    before = homes.pulled()
    stayed = _used_after_the_end(before)
    assert stayed, "somebody's meter goes on after the subscription has ended"
    again(before, Touched(customers=frozenset(stayed)))
    assert different(before.landing, homes.pulled().landing) == {}
    homes.close()


def _used_after_the_end(pipeline: Pipeline) -> set[str]:
    """Customers with usage later than the last period of all their subscriptions."""
    subscriptions = rows_of(pipeline.landing, "stripe_subscriptions")
    ends: Counter[str] = Counter()
    for item in rows_of(pipeline.landing, "stripe_subscription_items").values():
        customer = subscriptions[item["subscription"],]["customer"]
        ends[customer] = max(ends[customer], int(item["current_period_end"]))
    usage = rows_of(pipeline.landing, "stripe_meter_event_summaries").values()
    return {day["customer"] for day in usage if int(day["start_time"]) > ends[day["customer"]]}
