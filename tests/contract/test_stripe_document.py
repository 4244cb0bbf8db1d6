"""The checks against Stripe's document catch what they are there for."""

import json
from typing import Any

import pytest

from sandbox.request_log import Exchange
from tests.support.stripe_spec import StripeSpec

COUPON: dict[str, Any] = {
    "id": "co_1",
    "object": "coupon",
    "amount_off": None,
    "created": 1,
    "currency": None,
    "duration": "once",
    "duration_in_months": None,
    "livemode": False,
    "max_redemptions": None,
    "metadata": {"team": "sales"},
    "name": "Welcome",
    "percent_off": 12.5,
    "redeem_by": None,
    "times_redeemed": 0,
    "valid": True,
}
DISCOUNT: dict[str, Any] = {
    "id": "di_1",
    "object": "discount",
    "checkout_session": None,
    "customer": "cus_1",
    "customer_account": None,
    "end": None,
    "invoice": None,
    "invoice_item": None,
    "promotion_code": None,
    "source": {"type": "coupon", "coupon": COUPON},
    "start": 1,
    "subscription": None,
    "subscription_item": None,
}


@pytest.fixture
def spec() -> StripeSpec:
    return StripeSpec()


def test_a_right_object_passes_expanded_or_not(spec: StripeSpec) -> None:
    assert spec.object_errors("coupon", COUPON) == []
    assert spec.object_errors("discount", DISCOUNT) == []
    assert spec.object_errors("discount", {**DISCOUNT, "source": {"type": "coupon", "coupon": "co_1"}}) == []


@pytest.mark.parametrize(
    "change,words",
    [
        ({"created": "today"}, "'today' is not of type 'integer'"),
        ({"duration": "twice"}, "'twice' is not one of"),
        ({"valid": None}, "None is not of type 'boolean'"),
        ({"object": "discount"}, "'discount' is not one of"),
        ({"colour": "blue"}, "unknown field 'colour'"),
        ({"metadata": {"team": 3}}, "metadata/team: 3 is not of type 'string'"),
    ],
)
def test_a_wrong_object_is_named(spec: StripeSpec, change: dict[str, Any], words: str) -> None:
    assert spec.object_errors("coupon", COUPON) == []
    (error,) = spec.object_errors("coupon", {**COUPON, **change})
    assert words in error
    (inside,) = spec.object_errors(
        "discount", {**DISCOUNT, "source": {"type": "coupon", "coupon": {**COUPON, **change}}}
    )
    assert words.rpartition(": ")[2] in inside


def test_a_missing_field_is_named(spec: StripeSpec) -> None:
    without = {name: value for name, value in COUPON.items() if name != "valid"}
    assert "'valid' is a required property" in spec.object_errors("coupon", without)[0]


@pytest.mark.parametrize(
    "path,query,words",
    [
        ("/v1/invoices", "limit=10&created[gte]=3&expand[]=data.lines&expand[1]=data.customer", ""),
        ("/v1/billing/meters/mtr_1/event_summaries", "customer=cus_1&start_time=0&end_time=60", ""),
        ("/v1/invoices", "colour=blue", "unknown parameter colour"),
        ("/v1/invoices", "created[after]=3", "unknown parameter created[after]"),
        ("/v1/invoices", "limit=ten", "limit is no integer"),
        ("/v1/invoices", "status=happy", "status must be one of"),
        ("/v1/subscription_items", "", "misses subscription"),
        ("/v1/colours", "", "no such endpoint"),
    ],
)
def test_requests(spec: StripeSpec, path: str, query: str, words: str) -> None:
    errors = spec.request_errors("GET", path, query)
    assert len(errors) == bool(words)
    assert words in "".join(errors)


def test_bodies(spec: StripeSpec) -> None:
    url = "/v1/webhook_endpoints"
    assert spec.request_errors("POST", url, "", "url=https%3A%2F%2Fx.example&enabled_events[0]=*") == []
    errors = spec.request_errors("POST", url, "", "url=https%3A%2F%2Fx.example&colour=blue")
    assert [error.rpartition(": ")[2] for error in errors] == [
        "unknown parameter colour",
        "misses enabled_events",
    ]


def test_rows_of_a_list_are_checked_one_by_one(spec: StripeSpec) -> None:
    page = {"object": "list", "url": "/v1/coupons", "has_more": False, "data": [COUPON, {**COUPON, "id": 3}]}
    spec(Exchange("stripe", "GET", "/v1/coupons", "", {}, b"", 200, json.dumps(page).encode()))
    assert spec.violations == ["/v1/coupons 3: id: 3 is not of type 'string'"]


def test_errors_have_a_shape_too(spec: StripeSpec) -> None:
    right = json.dumps({"error": {"type": "api_error", "message": "x"}}).encode()
    wrong = json.dumps({"error": {"type": "my_error"}}).encode()
    assert spec.answer_errors("GET", "/v1/coupons", 500, right) == []
    assert "'my_error' is not one of" in spec.answer_errors("GET", "/v1/coupons", 500, wrong)[0]
