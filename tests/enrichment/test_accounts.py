"""The account table: who is an account, in which currency, since when, in which state."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest

from tests.enrichment.books import Books, epoch


def only(books: Books, **more: Any) -> pd.Series[Any]:
    accounts = books.compute(**more)["accounts"]
    assert len(accounts) == 1
    return accounts.iloc[0]


@pytest.fixture
def books() -> Books:
    made = Books()
    made.customer(currency="eur")
    made.add("stripe_products", id="prod_1", name="Team")
    made.add("stripe_products", id="prod_2", name="Support")
    made.price("p", "1000")
    return made


def test_an_unmatched_customer_is_its_own_account(books: Books) -> None:
    books.streams["stripe_customers"][0]["name"] = "Globex"
    books.subscription([("p", 2)])
    account = only(books)
    assert account["account_id"] == "cus_1"
    assert account["name"] == "Globex"
    assert pd.isna(account["company_id"])
    assert (account["currency"], account["mrr"], account["arr"]) == ("eur", 2000, 24000)
    assert json.loads(account["mrr_by_currency"]) == {"eur": 2000}


def test_a_company_gives_its_name_and_owner(books: Books) -> None:
    company = books.company("77", name="Globex SA", hubspot_owner_id="5")
    books.add(
        "hubspot_owners", id="5", firstName="Ada", lastName="Moreau", email="ada@example.com", archived=True
    )
    books.subscription([("p", 1)])
    account = only(books, companies={"cus_1": company})
    assert account["account_id"] == "77"
    assert (account["name"], account["owner_id"], account["owner_name"]) == ("Globex SA", "5", "Ada Moreau")
    assert account["match_rule"] == "link"


def test_a_name_of_blanks_is_no_name(books: Books) -> None:
    books.streams["stripe_customers"][0].update(name="  ", email="billing@globex.example")
    assert only(books)["name"] == "billing@globex.example"
    company = books.company("79", name=" ", domain="globex.example")
    assert only(books, companies={"cus_1": company})["name"] == "globex.example"


def test_a_company_without_customers_is_no_account(books: Books) -> None:
    books.company("78", name="Nobody")
    assert only(books)["account_id"] == "cus_1"


def test_the_currency_is_the_one_of_most_items_with_mrr(books: Books) -> None:
    books.price("usd", "90000", currency="usd")
    books.subscription([("p", 1), ("p", 1)], name="sub_eur")
    books.subscription([("usd", 1)], name="sub_usd", currency="usd")
    account = only(books)
    assert (account["currency"], account["mrr"]) == ("eur", 2000)
    assert json.loads(account["mrr_by_currency"]) == {"eur": 2000, "usd": 90000}


def test_a_tie_between_currencies_goes_by_the_alphabet(books: Books) -> None:
    books.price("usd", "90000", currency="usd")
    books.subscription([("usd", 1)], name="sub_a", currency="usd")
    books.subscription([("p", 1)], name="sub_b")
    assert only(books)["currency"] == "eur"


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


@pytest.fixture(scope="module")
def in_every_state() -> pd.DataFrame:
    """The accounts of one company with a customer in each of ``STATES``, by customer id."""
    books = Books()
    books.price("p", "1000")
    for place, (statuses, paid, _) in enumerate(STATES):
        customer = books.customer(f"cus_{place}")
        for number, status in enumerate(statuses):
            books.subscription([("p", 1)], f"sub_{place}_{number}", customer, status=status)
        if paid:
            books.invoice(f"in_{place}", "2026-01-10", 1000, customer=customer)
    return books.compute()["accounts"].set_index("account_id")


@pytest.mark.parametrize("place, status", [(place, status) for place, (_, _, status) in enumerate(STATES)])
def test_the_state_in_one_word(in_every_state: pd.DataFrame, place: int, status: str) -> None:
    account = in_every_state.loc[f"cus_{place}"]
    assert account["status"] == status
    assert account["health_band"] in ("green", "yellow", "red", "new", "no data")


def test_paused_collection_is_paused(books: Books) -> None:
    books.subscription([("p", 1)], pause_collection={"behavior": "void", "resumes_at": None})
    account = only(books)
    assert (account["status"], account["mrr"]) == ("paused", 0)


def test_a_customer_that_stripe_no_longer_lists_is_known_from_its_subscriptions(books: Books) -> None:
    books.subscription([("p", 1)], name="sub_gone", customer="cus_deleted", status="canceled")
    accounts = books.compute()["accounts"].set_index("account_id")
    assert accounts.loc["cus_deleted", "status"] == "never_paid"
    assert accounts.loc["cus_deleted", "name"] == "cus_deleted"


def test_renewal_is_that_of_the_longest_term(books: Books) -> None:
    books.price("yearly", "12000", interval="year", product="prod_2")
    books.price("twelve", "12000", interval_count=12, product="prod_2")
    books.subscription([("p", 9)], name="sub_monthly")
    for name, price, end in (("sub_a", "yearly", "2027-05-01"), ("sub_b", "twelve", "2027-03-01")):
        books.subscription([(price, 1)], name=name, item={"current_period_end": epoch(end)})
    ended = {"current_period_end": epoch("2026-11-05")}
    books.subscription([("yearly", 1)], name="sub_c", status="canceled", item=ended)
    account = only(books)
    assert str(account["renewal_date"])[:10] == "2027-03-01"
    assert account["plan"] == "Team, Support"


def test_a_trial_has_a_plan_and_a_potential_but_no_renewal(books: Books) -> None:
    books.subscription([("p", 3)], status="trialing")
    account = only(books)
    assert (account["plan"], account["mrr"], account["potential_trial_mrr"]) == ("Team", 0, 3000)
    assert pd.isna(account["renewal_date"])
    assert pd.isna(account["customer_since"])


def test_customer_since_is_the_first_payment_else_the_first_start(books: Books) -> None:
    books.subscription([("p", 1)], start_date=epoch("2024-05-05"))
    assert str(only(books)["customer_since"])[:10] == "2024-05-05"
    books.invoice("in_free", "2024-05-06", 0)
    books.invoice("in_1", "2024-06-07", 1000)
    assert str(only(books)["customer_since"])[:10] == "2024-06-07"


def test_what_is_set_to_end_is_shown_beside_what_stays(books: Books) -> None:
    books.subscription([("p", 2)], name="sub_stays")
    books.subscription([("p", 3)], name="sub_ends", cancel_at_period_end=True)
    account = only(books)
    assert (account["mrr"], account["scheduled_churn_mrr"], account["committed_mrr"]) == (5000, 3000, 2000)


def test_without_a_year_of_history_there_is_no_yearly_change(books: Books) -> None:
    books.subscription([("p", 1)], start_date=epoch("2026-03-01"))
    assert pd.isna(only(books)["mrr_change_12m"])


def test_what_is_unpaid_is_added_up_in_the_currency_of_the_oldest_invoice(books: Books) -> None:
    books.subscription([("p", 2)], status="past_due")
    for number, (day, left, currency) in enumerate(
        (("2026-09-11", 2000, "eur"), ("2026-10-11", 1500, "eur"), ("2026-10-20", 9900, "usd"))
    ):
        still_open: dict[str, Any] = {"status": "open", "amount_remaining": left, "attempt_count": number + 1}
        books.invoice(f"in_{number}", day, 2000, currency=currency, **still_open)
    flags = books.compute()["account_flags"]
    assert flags[flags["flag"] == "payment_failed"]["evidence_en"].tolist() == [
        "2 unpaid invoices, 35.00 EUR in total: at most 3 failed attempts each, the oldest (in_0) "
        "50 days past due."
    ]


def test_order_and_repetition_of_rows_change_nothing(books: Books) -> None:
    discount = books.discount("di_1", books.coupon("off", amount_off=333, currency="eur"))
    books.subscription([("p", 2), ("p", 5)], name="sub_a", discounts=[discount])
    books.subscription([("p", 1)], name="sub_b", status="past_due")
    books.invoice("in_1", "2026-01-10", 1000)
    before = books.compute()
    for records in books.streams.values():
        # The same records once more, in another order, and older versions below them.
        stale = [{**record, "status": "canceled"} if "status" in record else record for record in records]
        records[:] = [*stale, *reversed(records), *records]
    after = books.compute()
    for table, frame in before.items():
        key = [c for c in ("account_id", "item_id", "signal", "flag", "component") if c in frame]
        expected = frame.sort_values(key).reset_index(drop=True) if key else frame
        found = after[table].sort_values(key).reset_index(drop=True) if key else after[table]
        pd.testing.assert_frame_equal(found, expected, check_dtype=False)
