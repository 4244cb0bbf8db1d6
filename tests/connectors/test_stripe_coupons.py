"""Coupons of discounts are whole, also when nobody lists them any more."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import responses

from connectors.stripe.client import StripeClient
from connectors.stripe.coupons import ON_REQUEST

BASE = "https://api.stripe.example"
LIMITED: dict[str, Any] = {
    "applies_to": {"products": ["prod_1"]},
    "currency_options": {"usd": {"amount_off": 700}},
}
OTHER: dict[str, Any] = {"applies_to": {"products": ["prod_2"]}}


def coupon(name: str, created: int = 1, **more: Any) -> dict[str, Any]:
    return {"id": name, "created": created, **more}


def discount(of: dict[str, Any] | None) -> dict[str, Any]:
    return {"id": "di_1", "source": {"type": "coupon", "coupon": of}}


def serve_coupons(*coupons: dict[str, Any]) -> None:
    responses.get(f"{BASE}/v1/coupons", json={"data": list(coupons), "has_more": False})


def completed(*discounts: dict[str, Any]) -> list[Any]:
    owner = {"id": "sub_1", "discounts": list(discounts)}
    products = StripeClient("sk_test_1", BASE, sleep=lambda _: None).coupons
    products.complete("/v1/subscriptions", owner, "discounts")
    products.complete("/v1/subscriptions", {"id": "sub_2", "discounts": list(discounts)}, "discounts")
    return [one["source"]["coupon"] for one in discounts]


@responses.activate
def test_a_listed_coupon_is_read_once_for_all() -> None:
    serve_coupons(coupon("HALF", **LIMITED), coupon("ALL"))
    half, everything = completed(discount(coupon("HALF")), discount(coupon("ALL")))
    assert half == coupon("HALF", **LIMITED)
    assert "applies_to" not in everything
    assert len(responses.calls) == 1


@responses.activate
@pytest.mark.parametrize("listed", [[], [coupon("HALF", 2, **OTHER)]], ids=["deleted", "id used again"])
def test_the_products_of_a_deleted_coupon_are_read_from_its_discount(listed: list[dict[str, Any]]) -> None:
    serve_coupons(*listed)
    whole = {"id": "sub_1", "discounts": [discount(coupon("HALF", **LIMITED))]}
    responses.get(f"{BASE}/v1/subscriptions/sub_1", json=whole)
    assert completed(discount(coupon("HALF"))) == [coupon("HALF", **LIMITED)]
    assert len(responses.calls) == 2
    asked = parse_qs(urlsplit(responses.calls[1].request.url or "").query)
    assert asked == {"expand[]": [f"discounts.source.coupon.{name}" for name in ON_REQUEST]}


@responses.activate
def test_without_coupons_nothing_is_asked() -> None:
    products = StripeClient("sk_test_1", BASE).coupons
    products.complete("/v1/customers", {"id": "cus_1", "discount": None}, "discount")
    assert completed(discount(None)) == [None]
    assert len(responses.calls) == 0
