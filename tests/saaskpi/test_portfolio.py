from __future__ import annotations

from typing import Any

import pytest

from saaskpi.errors import UsageError
from saaskpi.portfolio import Filter, find_account, portfolio, totals


def account(account_id: str, name: str, **values: Any) -> dict[str, Any]:
    row = {
        "account_id": account_id,
        "name": name,
        "company_id": account_id if account_id.isdigit() else None,
        "stripe_customer_ids": [f"cus_{name.lower()}"],
        "status": "active",
        "currency": "eur",
        "mrr": 1000,
        "mrr_by_currency": {"eur": 1000},
        "health_score": 70,
        "health_band": "yellow",
        "renewal_date": None,
        "risk_flags": [],
        "opportunity_flags": [],
    }
    return row | values


ROWS = [
    account("1", "Acme"),
    account("2", "Globex", mrr=5000, mrr_by_currency={"eur": 5000, "usd": 300}, health_band="red"),
    account("cus_x", "Initech", risk_flags=["payment_failed"]),
    account("4", "Acme North", currency=None, mrr=0, mrr_by_currency={}, health_score=None),
]


def names(wanted: Filter, sort: str = "mrr") -> list[str]:
    return [row["name"] for row in portfolio(ROWS, wanted, sort)[0]]


def test_highest_mrr_comes_first_and_accounts_without_one_last() -> None:
    assert names(Filter()) == ["Globex", "Acme", "Initech", "Acme North"]
    assert names(Filter(), "health_score")[-1] == "Acme North"


@pytest.mark.parametrize(
    "wanted, found",
    [
        (Filter(band="red"), ["Globex"]),
        (Filter(risk="payment_failed"), ["Initech"]),
        (Filter(currency="USD"), ["Globex"]),
        (Filter(search="acme"), ["Acme", "Acme North"]),
        (Filter(search="cus_globex"), ["Globex"]),
        (Filter(band="red", search="acme"), []),
    ],
)
def test_conditions_are_all_met(wanted: Filter, found: list[str]) -> None:
    assert names(wanted) == found


def test_matched_and_unmatched_make_up_the_mrr_in_each_currency() -> None:
    assert totals(ROWS) == [
        {
            "currency": "eur",
            "mrr": 7000,
            "mrr_matched": 6000,
            "mrr_unmatched": 1000,
            "customers": 3,
            "arr": 84000,
        },
        {"currency": "usd", "mrr": 300, "mrr_matched": 300, "mrr_unmatched": 0, "customers": 1, "arr": 3600},
    ]


@pytest.mark.parametrize("text", ["2", "cus_globex", "GLOBEX", "lobe"])
def test_an_account_is_found_by_id_customer_or_name(text: str) -> None:
    assert find_account(ROWS, text)["account_id"] == "2"


def test_a_whole_name_wins_over_a_part_of_another() -> None:
    assert find_account(ROWS, "acme")["account_id"] == "1"


@pytest.mark.parametrize("text, words", [("nobody", "No account"), ("e", "4 accounts fit")])
def test_none_or_several_is_a_usage_error(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        find_account(ROWS, text)
