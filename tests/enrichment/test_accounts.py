"""The account table: who is an account, in which currency, since when, in which state."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from enrichment.frames import records
from tests.enrichment.books import Books, epoch

Accounts = dict[str, dict[str, Any]]
Build = Callable[[Books, str], None]
BUILT: dict[str, Build] = {}
COMPANIES = {"owned": "77", "blank": "79"}
"""Which company of the CRM each customer is, if any."""


def customer(build: Build) -> Build:
    """Land a customer, named as the function, with all others: they are computed once, as one company."""
    BUILT[build.__name__] = build
    return build


@pytest.fixture(scope="module")
def computed() -> dict[str, pd.DataFrame]:
    books = with_catalogue()
    for name, build in BUILT.items():
        books.customer(name, currency="eur")
        build(books, name)
    customers_in_every_state(books)
    books.company("78", name="Nobody")
    books.subscription([("p", 1)], name="sub_gone", customer="cus_deleted", status="canceled")
    return books.compute(companies=COMPANIES)


@pytest.fixture(scope="module")
def accounts(computed: dict[str, pd.DataFrame]) -> Accounts:
    rows = records(computed["accounts"])
    found = {row["account_id"]: row for row in rows}
    assert len(found) == len(rows)
    return found


def with_catalogue() -> Books:
    books = Books()
    books.add("stripe_products", id="prod_1", name="Team")
    books.add("stripe_products", id="prod_2", name="Support")
    books.price("p", "1000")
    books.price("usd", "90000", currency="usd")
    books.price("yearly", "12000", interval="year", product="prod_2")
    books.price("twelve", "12000", interval_count=12, product="prod_2")
    return books


def test_each_customer_or_company_of_customers_is_one_account(accounts: Accounts) -> None:
    states = {f"state_{place}" for place in range(len(STATES))}
    assert set(accounts) - states == {COMPANIES.get(name, name) for name in BUILT} | {"cus_deleted"}


@customer
def unmatched(books: Books, name: str) -> None:
    books.streams["stripe_customers"][-1]["name"] = "Globex"
    books.subscription([("p", 2)], "sub_unmatched", name)


def test_an_unmatched_customer_is_its_own_account(accounts: Accounts) -> None:
    account = accounts["unmatched"]
    assert account["name"] == "Globex"
    assert account["company_id"] is None
    assert (account["currency"], account["mrr"], account["arr"]) == ("eur", 2000, 24000)
    assert json.loads(account["mrr_by_currency"]) == {"eur": 2000}


@customer
def owned(books: Books, name: str) -> None:
    books.company("77", name="Globex SA", hubspot_owner_id="5")
    books.add(
        "hubspot_owners", id="5", firstName="Ada", lastName="Moreau", email="ada@example.com", archived=True
    )
    books.subscription([("p", 1)], "sub_owned", name)


def test_a_company_gives_its_name_and_owner(accounts: Accounts) -> None:
    account = accounts["77"]
    assert (account["name"], account["owner_id"], account["owner_name"]) == ("Globex SA", "5", "Ada Moreau")
    assert account["match_rule"] == "link"


@customer
def nameless(books: Books, name: str) -> None:
    books.streams["stripe_customers"][-1].update(name="  ", email="billing@globex.example")


@customer
def blank(books: Books, name: str) -> None:
    nameless(books, name)
    books.company("79", name=" ", domain="globex.example")


def test_a_name_of_blanks_is_no_name(accounts: Accounts) -> None:
    assert accounts["nameless"]["name"] == "billing@globex.example"
    assert accounts["79"]["name"] == "globex.example"


def test_a_company_without_customers_is_no_account(accounts: Accounts) -> None:
    assert "78" not in accounts


@customer
def two_currencies(books: Books, name: str) -> None:
    books.subscription([("p", 1), ("p", 1)], "sub_eur", name)
    books.subscription([("usd", 1)], "sub_usd", name, currency="usd")


def test_the_currency_is_the_one_of_most_items_with_mrr(accounts: Accounts) -> None:
    account = accounts["two_currencies"]
    assert (account["currency"], account["mrr"]) == ("eur", 2000)
    assert json.loads(account["mrr_by_currency"]) == {"eur": 2000, "usd": 90000}


@customer
def tie(books: Books, name: str) -> None:
    books.subscription([("usd", 1)], "sub_tie_a", name, currency="usd")
    books.subscription([("p", 1)], "sub_tie_b", name)


def test_a_tie_between_currencies_goes_by_the_alphabet(accounts: Accounts) -> None:
    assert accounts["tie"]["currency"] == "eur"


STATES: list[tuple[list[str], bool, str]] = [
    (["active"], True, "active"),
    (["active", "past_due"], True, "past_due"),
    (["past_due", "canceled"], True, "past_due"),
    (["unpaid"], True, "unpaid"),
    (["active", "unpaid"], True, "active"),
    (["trialing"], False, "trialing"),
    (["paused"], False, "paused"),
    (["canceled"], True, "churned"),
    (["canceled"], False, "never_paid"),
    (["incomplete"], False, "incomplete"),
    (["incomplete_expired"], False, "never_paid"),
    ([], False, "never_paid"),
    ([], True, "churned"),
]


def customers_in_every_state(books: Books) -> None:
    for place, (statuses, paid, _) in enumerate(STATES):
        name = books.customer(f"state_{place}")
        for number, status in enumerate(statuses):
            books.subscription([("p", 1)], f"sub_{place}_{number}", name, status=status)
        if paid:
            books.invoice(f"in_state_{place}", "2026-01-10", 1000, customer=name)


@pytest.mark.parametrize("place, status", [(place, status) for place, (_, _, status) in enumerate(STATES)])
def test_the_state_in_one_word(accounts: Accounts, place: int, status: str) -> None:
    account = accounts[f"state_{place}"]
    assert account["status"] == status
    assert account["health_band"] in ("green", "yellow", "red", "new", "no data")


@customer
def collection_paused(books: Books, name: str) -> None:
    pause = {"behavior": "void", "resumes_at": None}
    books.subscription([("p", 1)], "sub_pause", name, pause_collection=pause)


def test_paused_collection_is_paused(accounts: Accounts) -> None:
    account = accounts["collection_paused"]
    assert (account["status"], account["mrr"]) == ("paused", 0)


def test_a_customer_that_stripe_no_longer_lists_is_known_from_its_subscriptions(
    accounts: Accounts,
) -> None:
    assert accounts["cus_deleted"]["status"] == "never_paid"
    assert accounts["cus_deleted"]["name"] == "cus_deleted"


@customer
def many_terms(books: Books, name: str) -> None:
    books.subscription([("p", 9)], "sub_monthly", name)
    for term, price, end in (("a", "yearly", "2027-05-01"), ("b", "twelve", "2027-03-01")):
        books.subscription([(price, 1)], f"sub_term_{term}", name, item={"current_period_end": epoch(end)})
    ended = {"current_period_end": epoch("2026-11-05")}
    books.subscription([("yearly", 1)], "sub_term_c", name, status="canceled", item=ended)


def test_renewal_is_that_of_the_longest_term(accounts: Accounts) -> None:
    account = accounts["many_terms"]
    assert str(account["renewal_date"])[:10] == "2027-03-01"
    assert account["plan"] == "Team, Support"


@customer
def trial(books: Books, name: str) -> None:
    books.subscription([("p", 3)], "sub_trial", name, status="trialing")


def test_a_trial_has_a_plan_and_a_potential_but_no_renewal(accounts: Accounts) -> None:
    account = accounts["trial"]
    assert (account["plan"], account["mrr"], account["potential_trial_mrr"]) == ("Team", 0, 3000)
    assert account["renewal_date"] is None
    assert account["customer_since"] is None


@customer
def started(books: Books, name: str) -> None:
    books.subscription([("p", 1)], f"sub_{name}", name, start_date=epoch("2024-05-05"))


@customer
def started_and_paid(books: Books, name: str) -> None:
    started(books, name)
    books.invoice("in_free", "2024-05-06", 0, customer=name)
    books.invoice("in_paid", "2024-06-07", 1000, customer=name)


def test_customer_since_is_the_first_payment_else_the_first_start(accounts: Accounts) -> None:
    assert str(accounts["started"]["customer_since"])[:10] == "2024-05-05"
    assert str(accounts["started_and_paid"]["customer_since"])[:10] == "2024-06-07"


@customer
def ending(books: Books, name: str) -> None:
    books.subscription([("p", 2)], "sub_stays", name)
    books.subscription([("p", 3)], "sub_ends", name, cancel_at_period_end=True)


def test_what_is_set_to_end_is_shown_beside_what_stays(accounts: Accounts) -> None:
    account = accounts["ending"]
    assert (account["mrr"], account["scheduled_churn_mrr"], account["committed_mrr"]) == (5000, 3000, 2000)


@customer
def young(books: Books, name: str) -> None:
    books.subscription([("p", 1)], "sub_young", name, start_date=epoch("2026-03-01"))


def test_without_a_year_of_history_there_is_no_yearly_change(accounts: Accounts) -> None:
    assert accounts["young"]["mrr_change_12m"] is None


@customer
def owing(books: Books, name: str) -> None:
    books.subscription([("p", 2)], "sub_owing", name, status="past_due")
    for number, (day, left, currency) in enumerate(
        (("2026-09-11", 2000, "eur"), ("2026-10-11", 1500, "eur"), ("2026-10-20", 9900, "usd"))
    ):
        still_open: dict[str, Any] = {"status": "open", "amount_remaining": left, "attempt_count": number + 1}
        books.invoice(f"in_{number}", day, 2000, customer=name, currency=currency, **still_open)


def test_what_is_unpaid_is_added_up_in_the_currency_of_the_oldest_invoice(
    computed: dict[str, pd.DataFrame],
) -> None:
    flags = computed["account_flags"].query("account_id == 'owing'")
    assert flags[flags["flag"] == "payment_failed"]["evidence_en"].tolist() == [
        "2 unpaid invoices, 35.00 EUR in total: at most 3 failed attempts each, the oldest (in_0) "
        "50 days past due."
    ]


def test_order_and_repetition_of_rows_change_nothing() -> None:
    books = with_catalogue()
    books.customer(currency="eur")
    discount = books.discount("di_1", books.coupon("off", amount_off=333, currency="eur"))
    books.subscription([("p", 2), ("p", 5)], name="sub_a", discounts=[discount])
    books.subscription([("p", 1)], name="sub_b", status="past_due")
    books.invoice("in_1", "2026-01-10", 1000)
    before = books.compute()
    for landed in books.streams.values():
        # The same records once more, in another order, and older versions below them.
        stale = [{**record, "status": "canceled"} if "status" in record else record for record in landed]
        landed[:] = [*stale, *reversed(landed), *landed]
    after = books.compute()
    for table, frame in before.items():
        key = [c for c in ("account_id", "item_id", "signal", "flag", "component") if c in frame]
        expected = frame.sort_values(key).reset_index(drop=True) if key else frame
        found = after[table].sort_values(key).reset_index(drop=True) if key else after[table]
        pd.testing.assert_frame_equal(found, expected, check_dtype=False)
