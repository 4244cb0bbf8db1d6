"""What the store shows: as Stripe's document says, found by its indexes, adding up."""

from collections import Counter
from datetime import UTC, datetime
from fractions import Fraction
from random import Random
from typing import Any

import pytest

from sandbox.billing.objects import changed
from sandbox.billing.periods import add_months
from tests.sandbox.ledger import CYCLES, Ledger, Rate, all_of
from tests.sandbox.worlds import world
from tests.support.stripe_spec import StripeSpec

KINDS = [
    "customer",
    "product",
    "price",
    "coupon",
    "subscription",
    "subscription_item",
    "discount",
    "invoice",
    "line_item",
    "charge",
    "refund",
    "credit_note",
    "payment_method",
    "billing.meter",
    "billing.meter_event_summary",
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_object_is_as_stripes_document_says(kind: str, stripe_spec: StripeSpec) -> None:
    ids = world().stripe.ids(kind)
    assert ids
    errors = [
        error for found in all_of(world().stripe, kind) for error in stripe_spec.object_errors(kind, found)
    ]
    assert not errors, errors[:5]


def test_events_hold_objects_of_their_time(stripe_spec: StripeSpec) -> None:
    for event in all_of(world().stripe, "event"):
        assert not stripe_spec.object_errors("event", event)
        shown = event["data"]["object"]
        assert not stripe_spec.object_errors(shown["object"], shown)
    created = [row for row in all_of(world().stripe, "event") if row["type"] == "invoice.created"]
    assert {row["data"]["object"]["status"] for row in created} == {"draft"}


@pytest.mark.parametrize("kind", KINDS)
def test_ids_come_oldest_first_and_each_has_its_time(kind: str) -> None:
    stripe = world().stripe
    times = [stripe.created(kind, found) for found in stripe.ids(kind)]
    assert times == sorted(times)
    assert len(set(stripe.ids(kind))) == len(times)


@pytest.mark.parametrize("kind, field",
    [
        ("subscription", "customer"), ("subscription", "status"), ("invoice", "subscription"),
        ("invoice", "customer"), ("invoice", "status"), ("charge", "payment_intent"), ("charge", "customer"),
        ("price", "product"), ("payment_method", "customer"), ("event", "type"),
        ("subscription_item", "subscription"), ("line_item", "invoice"), ("refund", "charge"),
        ("credit_note", "invoice"), ("customer", "email"), ("billing.meter_event_summary", "meter"),
    ],
)  # fmt: skip
def test_where_finds_what_has_the_value(kind: str, field: str) -> None:
    stripe = world().stripe
    expected: dict[str, list[str]] = {}
    for found in all_of(stripe, kind):
        value = found[field] if field != "subscription" or kind != "invoice" else _subscription_of(found)
        expected.setdefault(value, []).append(found["id"])
    for value, ids in expected.items():
        assert list(stripe.where(kind, field, value)) == ids
    assert list(stripe.where(kind, field, "nothing")) == []


def _subscription_of(invoice: dict[str, Any]) -> str:
    return str(invoice["parent"]["subscription_details"]["subscription"])


def test_unknown_ids_are_none() -> None:
    for kind in (*KINDS, "event"):
        if kind != "billing.meter_event_summary":
            assert world().stripe.get(kind, "xx_none") is None
            assert not world().stripe.deleted(kind, "xx_none")


def test_meter_summaries_add_up_to_what_was_billed() -> None:
    stripe = world().stripe
    days = Counter[tuple[str, int]]()
    for customer in {row["customer"] for row in all_of(stripe, "subscription")}:
        for key in stripe.where("billing.meter_event_summary", "customer", customer):
            row = stripe.get("billing.meter_event_summary", key)
            assert row is not None
            days[customer, row["start_time"]] = row["aggregated_value"]
    billed = 0
    metered = {row["id"] for row in all_of(stripe, "price") if row["recurring"]["usage_type"] == "metered"}
    for invoice in all_of(stripe, "invoice"):
        for line in invoice["lines"]["data"]:
            if line["pricing"]["price_details"]["price"] in metered:
                first, last = (line["period"][edge] // 86_400 * 86_400 for edge in ("start", "end"))
                counted = sum(days[invoice["customer"], day] for day in range(first, last, 86_400))
                assert line["quantity"] == counted
                billed += counted
    assert billed > 0


def test_invoices_add_up() -> None:
    for invoice in all_of(world().stripe, "invoice"):
        lines = invoice["lines"]["data"]
        assert invoice["subtotal"] == sum(line["amount"] for line in lines)
        reduced = sum(row["amount"] for row in invoice["total_discount_amounts"])
        assert reduced == sum(row["amount"] for line in lines for row in line["discount_amounts"])
        assert invoice["total"] == invoice["subtotal"] - reduced
        if invoice["status"] == "paid":
            assert invoice["amount_remaining"] == 0
            before, after = invoice["starting_balance"], invoice["ending_balance"]
            assert invoice["amount_due"] == invoice["total"] - (after - before)
        if invoice["payments"]["data"] and invoice["status"] == "paid":
            charges = world().stripe.where("charge", "payment_intent", f"pi_{invoice['id'][3:]}")
            shown = [world().stripe.get("charge", key) for key in charges]
            assert sum(row["amount_captured"] for row in shown if row) == invoice["amount_paid"]
            assert len(shown) == invoice["attempt_count"]


def test_the_rates_of_all_lines_that_cover_an_instant_are_its_mrr() -> None:
    """From amounts alone: prorations cancel but for the rounding of each line, stretched to a whole cycle."""
    made, rng = world(), Random(1)
    ledger = Ledger(made.stripe)
    billed: dict[str, list[dict[str, Any]]] = {}
    irregular = {row["id"] for row in ledger.subscriptions.values() if row["trial_end"]}
    for invoice in all_of(made.stripe, "invoice"):
        billed.setdefault(_subscription_of(invoice), []).extend(invoice["lines"]["data"])
        if invoice["status"] != "paid":
            irregular.add(_subscription_of(invoice))
    checked = prorated = 0
    for key, lines in billed.items():
        anchor = datetime.fromtimestamp(ledger.subscriptions[key]["billing_cycle_anchor"], UTC).day
        if key in irregular or anchor > 28:
            continue
        for _ in range(8):
            end = min(made.now.timestamp() - 31 * 86_400, ledger.ends[key] - 1)
            if end <= lines[0]["period"]["start"]:
                continue
            instant = rng.randrange(lines[0]["period"]["start"], int(end))
            covering = [line for line in lines if line["period"]["start"] <= instant < line["period"]["end"]]
            rates = [_rate(line, ledger) for line in covering]
            if any(slack > 20 for _, slack in rates):
                continue
            exact = sum(_exact(found, instant) for found in ledger.rates[key].values())
            total, slack = (sum((rate[part] for rate in rates), Fraction(0)) for part in (0, 1))
            assert abs(total - exact) <= slack
            checked += 1
            prorated += any(slack > 2 for _, slack in rates)
    assert checked > 300
    assert prorated > 20


def _rate(line: dict[str, Any], ledger: Ledger) -> tuple[Fraction, Fraction]:
    """The monthly rate of a line after forever discounts, and how far rounding can have moved it."""
    price = ledger.prices[line["pricing"]["price_details"]["price"]]
    recurring = price["recurring"]
    if recurring["usage_type"] == "metered":
        return Fraction(0), Fraction(0)
    months = CYCLES[recurring["interval"]] * recurring["interval_count"]
    off = 0
    for row in line["discount_amounts"]:
        coupon = ledger.coupons[ledger.discounts[row["discount"]]["source"]["coupon"]]
        off += row["amount"] if coupon["duration"] == "forever" else 0
    start, end = line["period"]["start"], line["period"]["end"]
    whole = 7 * 86_400 if recurring["interval"] == "week" else end - add_months(end, -int(months))
    stretch = Fraction(whole, end - start)
    roundings = 1 + len(line["discount_amounts"])
    return (line["amount"] - off) * stretch / months, roundings * stretch / (2 * months) + Fraction(1, 2)


def _exact(rates: list[Rate], instant: int) -> int:
    return next((rate.mrr for rate in reversed(rates) if rate.start <= instant < rate.end), 0)


def test_previous_attributes_hold_what_differs() -> None:
    before = {"a": 1, "b": {"c": 2, "d": 3}, "e": [1, 2], "f": 0}
    after = {"a": 1, "b": {"c": 9, "d": 3}, "e": [1], "f": None}
    assert changed(before, after) == {"b": {"c": 2}, "e": [1, 2], "f": 0}
