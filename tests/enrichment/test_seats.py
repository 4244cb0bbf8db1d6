"""What counts as a seat: worked accounts of a seller who has seats, records, packages and plans."""

from __future__ import annotations

from functools import cache

import pandas as pd
import pytest

from enrichment.facts.describing import describe
from enrichment.facts.seats import leave_seat_products, means_people
from enrichment.facts.sources import FactSources
from tests.enrichment.books import Books
from tests.enrichment.rewound import Account, described, shop

LABELS = {
    "team": "Seat",
    "crm": " utilisateurs ",
    "storage": "record",
    "plan": None,
    "blank": " ",
    "unread": None,
}
"""Products by their unit label; ``unread`` is not among the products that Stripe lists."""
BOUGHT = {
    "seats_and_records": {"team": 12, "storage": 87343},
    "french": {"crm": 5},
    "two_kinds": {"team": 1, "crm": 4},
    "one_seat": {"team": 1},
    "records": {"storage": 87343},
    "plan_and_records": {"plan": 6, "storage": 87343},
    "plan": {"plan": 6, "blank": 3},
    "one_plan": {"plan": 1},
    "unread": {"unread": 7},
    "packages": {"packages": 9000, "plan": 2},
    "plan_and_seats": {"plan": 20, "team": 3},
}
CHANGED = {"moved": ("storage", "team"), "moved_away": ("team", "storage")}
"""Items whose price was that of another product 90 days ago."""


def seller() -> Books:
    books = shop()
    for product, label in LABELS.items():
        books.price(product, "1000", product=f"prod_{product}")
        if product != "unread":
            books.add("stripe_products", id=f"prod_{product}", name=product.title(), unit_label=label)
    package = {"divide_by": 1000, "round": "up"}
    books.price("packages", "1000", product="prod_plan", transform_quantity=package)
    for name, items in BOUGHT.items():
        Account(books, name, *items.items())
    for name, (before, now) in CHANGED.items():
        account = Account(books, name, (now, 8))
        account.sell("2026-06-01", "2026-07-01", 8, lines=[account.line("2026-06-01", "2026-07-01", 8)])
        books.streams["stripe_invoice_lines"][-1] |= {
            "amount": 8000,
            "pricing": {"price_details": {"price": before}},
        }
        account.sell("2026-10-01", "2026-11-01", 8)
        books.streams["stripe_invoice_lines"][-1]["pricing"] = {"price_details": {"price": now}}
    return books


@cache
def seats(*named: str) -> pd.DataFrame:
    """Return the paid seats now and 90 days ago by account, of a seller who names these products."""
    with described(seller()) as engine:
        leave_seat_products(engine, FactSources(seat_products=named))
        facts = describe(engine).set_index("account_id")[["paid_seats", "paid_seats_90"]]
    return facts.astype(object).where(facts.notna(), None)


@pytest.mark.parametrize(
    "name, count",
    [
        pytest.param("seats_and_records", 12, id="records are no seats"),
        pytest.param("french", 5, id="the label in French, with spaces, many"),
        pytest.param("two_kinds", 5, id="one of a kind counts beside others"),
        pytest.param("one_seat", None, id="one seat is a plan"),
        pytest.param("records", None, id="records only"),
        pytest.param("plan_and_records", None, id="some product says its units, and none is people"),
        pytest.param("plan", 9, id="no product says its units"),
        pytest.param("one_plan", None, id="one unit of that"),
        pytest.param("unread", 7, id="a product that Stripe does not list says nothing"),
        pytest.param("packages", 2, id="packages are no seats"),
        pytest.param("plan_and_seats", 3, id="what says so, where something does"),
    ],
)
def test_seats_by_unit_label(name: str, count: int | None) -> None:
    assert seats().loc[name, "paid_seats"] == count


@pytest.mark.parametrize(
    "name, count",
    [
        pytest.param("seats_and_records", 87343, id="by its id"),
        pytest.param("plan", 6, id="by its name, in any case"),
        pytest.param("french", None, id="whatever the label says"),
        pytest.param("unread", None, id="whatever else is sold"),
        pytest.param("packages", 9002, id="a package too, since it is named"),
    ],
)
def test_products_that_are_named_are_seats_and_no_others(name: str, count: int | None) -> None:
    assert seats("prod_storage", " PLAN ").loc[name, "paid_seats"] == count


def test_seats_before_are_told_by_the_product_of_then() -> None:
    told = seats().to_dict("index")
    assert told["moved"] == {"paid_seats": 8, "paid_seats_90": None}
    assert told["moved_away"] == {"paid_seats": None, "paid_seats_90": 8}


@pytest.mark.parametrize(
    "label",
    ["seat", "SEATS", "user", "per user", "team members", "Licences", "license", "people", "agent",
     "employees", "Utilisateur actif", "siège", "SIÈGES", "postes", "salarié"],
)  # fmt: skip
def test_words_for_people(label: str) -> None:
    assert means_people(label)


@pytest.mark.parametrize("label", ["record", "GB", "message", "call", "", "s", "123", "useragent", "flat"])
def test_other_words(label: str) -> None:
    assert not means_people(label)
