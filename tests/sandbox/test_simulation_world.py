"""The world: same seed same company, every shape there, causes at work, a clock that only adds."""

import json
import os
import subprocess
import sys
from collections import Counter
from datetime import date, timedelta
from statistics import mean
from typing import Any

import pytest

from sandbox.world import World, WorldConfig, build, there
from tests.sandbox.ledger import all_of
from tests.sandbox.worlds import ROOT, world

FINGERPRINT = """
import hashlib, json
from sandbox.world import WorldConfig, build
world = build(WorldConfig(customers=60, months=18, seed=11))
stripe, digest = world.stripe, hashlib.sha256()
for kind in ("customer", "subscription", "invoice", "charge", "discount", "event"):
    for object_id in stripe.ids(kind):
        digest.update(json.dumps(stripe.get(kind, object_id), sort_keys=True).encode())
digest.update(json.dumps(world.truth()).encode())
digest.update(json.dumps(list(world.usage_events(since=world.config.today))).encode())
print(digest.hexdigest())
"""


def fingerprint(hash_seed: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", FINGERPRINT],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return done.stdout


def test_the_same_seed_gives_the_same_world_in_another_process() -> None:
    assert fingerprint("1") == fingerprint("2")


def test_another_seed_gives_another_world() -> None:
    assert world(1).truth() != world(2).truth()


@pytest.mark.parametrize("customers, months", [(1, 1), (12, 6), (40, 18), (200, 36)])
def test_it_lists_as_many_customers_as_asked_for(customers: int, months: int) -> None:
    made = world(7, customers, months)
    assert len(made.stripe.ids("customer")) == customers
    first = min(made.stripe.created("customer", found) for found in made.stripe.ids("customer"))
    assert first >= made._company.begin


def subscriptions(made: World) -> list[dict[str, Any]]:
    return list(all_of(made.stripe, "subscription"))


@pytest.mark.parametrize("seed", [1, 7])
def test_every_shape_occurs(seed: int) -> None:
    made = world(seed)
    found, stripe = subscriptions(made), made.stripe
    statuses = Counter(row["status"] for row in found)
    wanted = "active trialing past_due unpaid canceled paused incomplete incomplete_expired"
    assert set(statuses) == set(wanted.split())
    assert statuses["active"] > 80
    assert any(row["pause_collection"] for row in found)
    assert any(len(row["items"]["data"]) > 20 for row in found)
    assert any(len(row["discounts"]) > 2 for row in found)
    assert any(row["cancel_at_period_end"] and row["status"] == "active" for row in found)
    assert any(row["cancel_at"] and not row["cancel_at_period_end"] for row in found)
    assert any(row["collection_method"] == "send_invoice" for row in found)
    invoices = list(all_of(stripe, "invoice"))
    prorations = [
        len(row["lines"]["data"]) for row in invoices if row["lines"]["data"][0]["description"][0] == "U"
    ]
    assert max(prorations) > 10
    assert {row["status"] for row in invoices} == {"draft", "open", "paid", "void", "uncollectible"}
    assert {row["billing_reason"] for row in invoices} >= {
        "subscription_create",
        "subscription_cycle",
        "subscription_update",
    }
    assert any(row["due_date"] for row in invoices)
    assert any(row["next_payment_attempt"] and row["attempt_count"] > 1 for row in invoices)
    items = [item for row in found for item in row["items"]["data"]]
    assert {row["currency"] for row in found} == {"eur", "usd", "jpy"}
    assert {item["price"]["tiers_mode"] for item in items} == {None, "volume", "graduated"}
    recurring = {
        (item["price"]["recurring"]["interval"], item["price"]["recurring"]["interval_count"])
        for item in items
    }
    assert recurring == {("week", 1), ("month", 1), ("month", 3), ("year", 1)}
    assert any(item["price"]["unit_amount"] == 0 for item in items)
    assert any(
        item["price"]["unit_amount"] is None and item["price"]["unit_amount_decimal"] for item in items
    )
    assert any(item["price"]["transform_quantity"] for item in items)
    assert any(item["price"]["recurring"]["usage_type"] == "metered" for item in items)
    assert any(item["discounts"] for item in items)
    assert any(row["discount"] for row in all_of(stripe, "customer"))
    coupons = {row["id"]: row for row in all_of(stripe, "coupon")}
    used = [coupons[row["source"]["coupon"]] for row in all_of(stripe, "discount")]
    assert {row["duration"] for row in used} == {"once", "repeating", "forever"}
    assert any(row["percent_off"] == 100 for row in used)
    assert any(row["amount_off"] for row in used)
    assert any("applies_to" in row for row in used)
    assert any(len(account.stripe_customer_ids) == 3 for account in made.accounts)
    subscribed = {row["customer"] for row in found}
    assert set(stripe.ids("customer")) - subscribed
    assert stripe.ids("refund")
    assert stripe.ids("credit_note")
    assert stripe.ids("billing.meter_event_summary")


def test_a_deleted_customer_is_known_by_its_event_alone() -> None:
    stripe = world().stripe
    events = [row for row in all_of(stripe, "event") if row["type"] == "customer.deleted"]
    assert len(events) == 2
    for event in events:
        gone = event["data"]["object"]["id"]
        assert stripe.deleted("customer", gone)
        assert stripe.get("customer", gone) is None
        assert gone not in stripe.ids("customer")


def test_events_go_back_thirty_days_and_tell_what_was_before() -> None:
    made = world()
    events = list(all_of(made.stripe, "event"))
    latest = int(made.now.timestamp())
    assert all(latest - 30 * 86_400 <= row["created"] <= latest for row in events)
    kinds = {row["type"] for row in events}
    assert kinds >= {
        "customer.created", "customer.updated", "customer.subscription.created",
        "customer.subscription.updated", "customer.subscription.deleted", "invoice.created",
        "invoice.finalized", "invoice.paid", "invoice.payment_failed", "charge.succeeded", "charge.failed",
    }  # fmt: skip
    updates = [row for row in events if row["type"] == "customer.subscription.updated"]
    assert all(row["data"]["previous_attributes"] for row in updates)
    fell_behind = [row["data"] for row in updates if row["data"]["object"]["status"] == "past_due"]
    assert any(data["previous_attributes"].get("status") == "active" for data in fell_behind)


def test_the_clock_gives_the_same_world_however_it_is_moved() -> None:
    config = WorldConfig(customers=60, months=12, seed=3)
    steps, leap = build(config), build(config)
    for days in (1, 0, 29, 15):
        steps.advance(days)
    leap.advance(45)
    assert steps.today == leap.today == date(2026, 12, 15)
    assert json.dumps(steps.truth()) == json.dumps(leap.truth())
    for kind in ("subscription", "invoice", "charge"):
        left, right = list(all_of(steps.stripe, kind)), list(all_of(leap.stripe, kind))
        assert left == right
    with pytest.raises(ValueError, match="forward"):
        leap.advance(-1)


def test_moving_the_clock_adds_and_never_rewrites() -> None:
    made = build(WorldConfig(customers=60, months=12, seed=4))
    before, ids = made.truth()["customers"], list(made.stripe.ids("invoice"))
    seen = {row["id"]: row["created"] for row in all_of(made.stripe, "event")}
    made.advance(20)
    after = made.truth()["customers"]
    assert made.stripe.ids("invoice")[: len(ids)] == ids
    assert len(made.stripe.ids("invoice")) > len(ids)
    for customer, row in before.items():
        settled = {month: mrr for month, mrr in row["mrr"].items() if month < "2026-11"}
        assert {month: after[customer]["mrr"].get(month) for month in settled} == settled
    horizon = int(made.now.timestamp()) - 30 * 86_400
    kept = {row["id"] for row in all_of(made.stripe, "event")}
    assert {event for event, created in seen.items() if created > horizon} <= kept
    assert not {event for event, created in seen.items() if created < horizon} & kept


def test_without_causes_whoever_leaves_does_so_at_once_and_of_his_own_accord() -> None:
    stripe = world(customers=60, months=18, causal=False).stripe
    ended = [record for name in stripe.ids("subscription") if (record := stripe.get("subscription", name))]
    ended = [record for record in ended if record["status"] == "canceled"]
    assert len(ended) > 5
    assert {record["cancellation_details"]["reason"] for record in ended} == {"cancellation_requested"}
    paid = [record for record in ended if record["trial_end"] is None]
    assert paid
    assert all(record["canceled_at"] == record["ended_at"] for record in paid)


def leaving_contrast(causal: bool) -> float:
    """How much more content those who stay are than those who leave, four weeks before the loss."""
    gone, staying = [], []
    for seed in (7, 21):
        for account in world(seed, causal=causal).accounts:
            if account.churned_on and (account.churned_on - account.signed_up_on).days > 120:
                gone.append(account.satisfaction(account.churned_on - timedelta(days=28)))
            elif account.churned_on is None:
                staying.append(account.satisfaction(date(2026, 10, 1)))
    assert len(gone) > 30
    return mean(staying) - mean(gone)


def test_the_unhappy_leave_and_without_causes_anybody_does() -> None:
    caused, blind = leaving_contrast(True), leaving_contrast(False)
    assert caused > 0.1
    assert abs(blind) < caused / 2


def test_use_falls_before_an_account_leaves() -> None:
    drops = []
    for account in (found for seed in (7, 21) for found in world(seed).accounts):
        left = account.churned_on
        if left and (left - account.signed_up_on).days > 300:
            early = mean(account.course.level(left - timedelta(days=days)) for days in range(180, 240))
            late = mean(account.course.level(left - timedelta(days=days)) for days in range(7, 49))
            drops.append(late - early)
    assert len(drops) > 15
    assert mean(drops) < -0.04


def test_a_champion_who_leaves_is_missed() -> None:
    accounts = [found for seed in (7, 21) for found in world(seed).accounts]
    left = [found for found in accounts if found.champion_left_on]
    assert len(left) > 10
    for account in left:
        day = account.champion_left_on
        assert day is not None
        champion = next(person for person in account.people if person.left_on == day)
        assert champion.role == "CHAMPION"
        assert there(champion, day - timedelta(days=1))
        assert not there(champion, day)
        if day > account.signed_up_on + timedelta(days=7):
            assert account.engagement(day) < account.engagement(day - timedelta(days=1))


def test_usage_adds_up_user_by_user() -> None:
    made = world()
    since, until = date(2026, 10, 1), date(2026, 10, 14)
    by_user: Counter[tuple[str, str, str]] = Counter()
    for row in made.usage_events(since, until):
        assert row["quantity"] > 0
        by_user[row["account"], row["at"][:10], row["event"]] += row["quantity"]
    by_day: Counter[tuple[str, str, str]] = Counter()
    for account in made.accounts:
        for day, event, quantity, users in account.usage_series(since, until):
            assert 0 < users <= account.seats(day)
            by_day[account.stripe_customer_ids[0], day.isoformat(), event] += quantity
    assert by_user == by_day
    assert len({event for _, _, event in by_day}) == 3


def test_seats_are_those_of_the_subscriptions() -> None:
    made = world()
    seats: Counter[str] = Counter()
    for row in subscriptions(made):
        if row["status"] in ("active", "past_due", "trialing"):
            for item in row["items"]["data"]:
                product = made.stripe.get("product", item["price"]["product"])
                seats[row["customer"]] += (
                    item["quantity"] if product and product["unit_label"] == "seat" else 0
                )
    for account in made.accounts:
        assert account.seats(made.today) == sum(seats[customer] for customer in account.stripe_customer_ids)
        assert account.churned_on is None or account.seats(made.today) == 0
