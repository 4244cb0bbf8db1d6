from __future__ import annotations

import json
import time
from typing import Any

import pandas as pd
import pytest

from crm_sync.matching import match


def customers(*rows: tuple[str, str | None, dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(
        [(id_, email, json.dumps(metadata)) for id_, email, metadata in rows],
        columns=["customer_id", "email", "metadata"],
    )


def companies(*rows: tuple[str, str | None, dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(
        [(id_, domain, json.dumps(properties)) for id_, domain, properties in rows],
        columns=["company_id", "domain", "properties"],
    )


def contacts(*rows: tuple[str, str | None]) -> pd.DataFrame:
    numbered = [(str(number), email, company) for number, (email, company) in enumerate(rows)]
    return pd.DataFrame(numbered, columns=["contact_id", "email", "company_id"])


def links(*rows: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["stripe_customer_id", "company_id"])


def only(found: pd.DataFrame) -> dict[str, Any]:
    assert len(found) == 1
    row = {str(key): value for key, value in found.iloc[0].items()}
    return {key: None if key != "candidates" and pd.isna(value) else value for key, value in row.items()}


MATCHED = [
    ("link", customers(("cus_1", "a@beta.example", {})), links(("cus_1", "10")), contacts()),
    ("company_property", customers(("cus_Prop", None, {})), None, contacts()),
    ("stripe_metadata", customers(("cus_1", None, {"hubspot_company_id": " 10 "})), None, contacts()),
    ("stripe_metadata", customers(("cus_1", None, {"hubspot_id": 10})), None, contacts()),
    ("billing_email", customers(("cus_1", "Ann@Gmail.com ", {})), None, contacts(("ann@gmail.com", "10"))),
    ("billing_email", customers(("cus_1", "ann@x.example", {})), None, contacts((" ANN@x.example", "10.0"))),
    ("domain", customers(("cus_1", "pay@ACME.example", {})), None, contacts()),
    ("domain", customers(("cus_1", "pay@acme-shop.example", {})), None, contacts()),
]


@pytest.mark.parametrize("rule, customer, link, contact", MATCHED)
def test_each_rule_finds_the_company(
    rule: str, customer: pd.DataFrame, link: pd.DataFrame | None, contact: pd.DataFrame
) -> None:
    crm = companies(
        (
            "10",
            "https://www.Acme.example/about",
            {"stripe_customer_id": "cus_other, CUS_PROP", "hs_additional_domains": "acme-shop.example"},
        ),
        ("11", "beta.example", {}),
    )
    assert only(match(customer, crm, contact, link)) == {
        "customer_id": customer["customer_id"].item(),
        "company_id": "10",
        "rule": rule,
        "candidates": ["10"],
    }


def test_an_earlier_rule_wins_over_a_later_one() -> None:
    crm = companies(("1", None, {}), ("2", None, {"stripe_customer_id": "cus_1"}), ("3", "c.example", {}))
    customer = customers(("cus_1", "x@c.example", {}))
    assert only(match(customer, crm, contacts(), links(("cus_1", "1"))))["rule"] == "link"
    assert only(match(customer, crm, contacts()))["rule"] == "company_property"


def test_two_companies_at_one_step_are_ambiguous_even_when_a_later_step_has_one() -> None:
    crm = companies(
        ("1", "one.example", {"stripe_customer_id": "cus_1"}),
        ("2", "two.example", {"stripe_customer_id": "cus_1"}),
    )
    found = only(match(customers(("cus_1", "x@one.example", {})), crm, contacts()))
    assert (found["company_id"], found["rule"], found["candidates"]) == (None, "company_property", ["1", "2"])


def test_two_companies_with_one_domain_are_ambiguous() -> None:
    crm = companies(("1", "shared.example", {}), ("2", "www.shared.example", {}))
    found = only(match(customers(("cus_1", "x@shared.example", {})), crm, contacts()))
    assert (found["company_id"], found["candidates"]) == (None, ["1", "2"])


@pytest.mark.parametrize("provider", ["gmail.com", "orange.fr", "gmx.de", "proton.me", "hey.com", "qq.com"])
def test_a_free_mail_domain_never_matches(provider: str) -> None:
    crm = companies(("1", provider, {}))
    found = only(match(customers(("cus_1", f"x@{provider}", {})), crm, contacts()))
    assert (found["company_id"], found["rule"], found["candidates"]) == (None, None, [])


def test_a_company_that_is_gone_does_not_stop_the_search() -> None:
    crm = companies(("2", "acme.example", {}))
    customer = customers(("cus_1", "x@acme.example", {"hubspot_id": "1"}))
    found = only(match(customer, crm, contacts(("x@acme.example", "1")), links(("cus_1", "1"))))
    assert (found["company_id"], found["rule"]) == ("2", "domain")


def test_a_merged_company_leads_to_its_survivor() -> None:
    crm = companies(("20", None, {"hs_merged_object_ids": "10;11"}))
    found = only(match(customers(("cus_1", None, {"hubspot_id": "11"})), crm, contacts()))
    assert found["company_id"] == "20"


def test_a_further_address_of_a_contact_counts() -> None:
    people = contacts(("ann@new.example", "1")).assign(
        properties=json.dumps({"hs_additional_emails": "ann@old.example;a@b.example"})
    )
    crm = companies(("1", None, {}))
    assert only(match(customers(("cus_1", "ann@old.example", {})), crm, people))["company_id"] == "1"


def test_several_customers_may_belong_to_one_company_and_keep_their_order() -> None:
    crm = companies(("1", "acme.example", {}))
    rows: list[tuple[str, str | None, dict[str, Any]]] = [
        ("cus_b", "x@acme.example", {}),
        ("cus_c", None, {}),
        ("cus_a", "y@acme.example", {}),
    ]
    found = match(customers(*rows), crm, contacts())
    assert found["customer_id"].tolist() == ["cus_b", "cus_c", "cus_a"]
    assert found["company_id"].fillna("").tolist() == ["1", "", "1"]


def test_nothing_to_match_gives_an_empty_frame_with_its_columns() -> None:
    found = match(customers(), companies(), contacts())
    assert list(found.columns) == ["customer_id", "company_id", "rule", "candidates"]
    assert len(found) == 0


def test_the_inputs_are_left_as_they_were() -> None:
    inputs = customers(("cus_1", "X@a.example", {})), companies(("1", "A.example", {})), contacts()
    before = [frame.copy() for frame in inputs]
    match(*inputs)
    for frame, copy in zip(inputs, before, strict=True):
        pd.testing.assert_frame_equal(frame, copy)


def test_many_customers_take_seconds() -> None:
    count = 30_000
    many = pd.DataFrame(
        {
            "customer_id": [f"cus_{n}" for n in range(count)],
            "email": [f"x@c{n}.example" if n % 3 else f"x{n}@gmail.com" for n in range(count)],
            "metadata": "{}",
        }
    )
    crm = pd.DataFrame(
        {
            "company_id": [str(n) for n in range(count)],
            "domain": [f"c{n}.example" for n in range(count)],
            "properties": [json.dumps({"name": "x", "stripe_customer_id": None})] * count,
        }
    )
    started = time.process_time()
    found = match(many, crm, contacts())
    assert time.process_time() - started < 60
    assert found["company_id"].notna().sum() == sum(1 for n in range(count) if n % 3)
