"""A handful of Stripe objects in memory, for tests of the HTTP layer alone."""

from collections.abc import Sequence
from typing import Any

Row = dict[str, Any]


class FewObjects:
    """Implements ``sandbox.stripe_api.objects.Objects`` over plain lists; counts what it gave out."""

    def __init__(self, **rows: Sequence[Row]) -> None:
        self.rows = {kind.replace("__", "."): list(entries) for kind, entries in rows.items()}
        self.gone: set[tuple[str, str]] = set()
        self.reads = 0

    def ids(self, kind: str) -> Sequence[str]:
        return [row["id"] for row in self.rows.get(kind, []) if (kind, row["id"]) not in self.gone]

    def created(self, kind: str, object_id: str, /) -> int:
        return int(self._row(kind, object_id)["created"])

    def get(self, kind: str, object_id: str, /) -> Row | None:
        self.reads += 1
        if (kind, object_id) in self.gone:
            return None
        return next((row for row in self.rows.get(kind, []) if row["id"] == object_id), None)

    def where(self, kind: str, field: str, value: str) -> Sequence[str]:
        if kind == "subscription" and field == "price":
            matching = [row for row in self.rows[kind] if _has_price(row, value)]
        else:
            matching = [row for row in self.rows.get(kind, []) if row.get(field) == value]
        return [row["id"] for row in matching]

    def deleted(self, kind: str, object_id: str, /) -> bool:
        return (kind, object_id) in self.gone

    def _row(self, kind: str, object_id: str) -> Row:
        return next(row for row in self.rows[kind] if row["id"] == object_id)


def _has_price(subscription: Row, price: str) -> bool:
    return any(item["price"]["id"] == price for item in subscription["items"]["data"])


def price(price_id: str = "price_1") -> Row:
    return {
        "id": price_id,
        "object": "price",
        "created": 50,
        "active": True,
        "currency": "eur",
        "product": "prod_1",
        "type": "recurring",
        "tiers": [{"up_to": None}],
        "currency_options": {"eur": {}},
    }


def item(number: int, subscription: str) -> Row:
    return {
        "id": f"si_{subscription}_{number}",
        "object": "subscription_item",
        "created": 100,
        "discounts": ["di_1"],
        "current_period_end": 900,
        "current_period_start": 500,
        "price": price(),
        "subscription": subscription,
    }


def subscription(number: int, status: str = "active", items: int = 1, customer: str = "cus_1") -> Row:
    sub_id = f"sub_{number}"
    return {
        "id": sub_id,
        "object": "subscription",
        "created": 100 + number,
        "customer": customer,
        "default_payment_method": None,
        "discounts": ["di_1"],
        "items": {
            "object": "list",
            "data": [item(n, sub_id) for n in range(items)],
            "has_more": False,
            "url": f"/v1/subscription_items?subscription={sub_id}",
        },
        "latest_invoice": None,
        "status": status,
    }


def invoice(number: int, created: int, lines: int = 1, **fields: Any) -> Row:
    invoice_id = f"in_{number}"
    return {
        "id": invoice_id,
        "object": "invoice",
        "created": created,
        "customer": "cus_1",
        "discounts": [],
        "due_date": None,
        "lines": {
            "object": "list",
            "data": [
                {"id": f"il_{number}_{n}", "object": "line_item", "discounts": ["di_1"]} for n in range(lines)
            ],
            "has_more": False,
            "url": f"/v1/invoices/{invoice_id}/lines",
        },
        "parent": {"subscription_details": {"subscription": "sub_1"}},
        "status": "paid",
        **fields,
    }


def customer(number: int, **fields: Any) -> Row:
    return {
        "id": f"cus_{number}",
        "object": "customer",
        "created": 10 + number,
        "discount": None,
        "email": f"c{number}@example.org",
        "invoice_settings": {"default_payment_method": "pm_1"},
        **fields,
    }


def coupon() -> Row:
    return {"id": "co_1", "object": "coupon", "created": 5, "applies_to": {"products": ["prod_1"]}}


def discount() -> Row:
    return {
        "id": "di_1",
        "object": "discount",
        "created": 6,
        "customer": "cus_1",
        "promotion_code": None,
        "source": {"type": "coupon", "coupon": "co_1"},
    }
