import base64
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from sandbox.rate_limit import TokenBucket
from sandbox.stripe_api import Access, StripeApi, WebhookEndpoints, create_app
from tests.support.stripe_objects import (
    FewObjects,
    coupon,
    customer,
    discount,
    invoice,
    price,
    subscription,
)

KEY = "sk_test_1234567890abcdef"
NOW = datetime(2026, 10, 31, 23, 59, 59, tzinfo=UTC)
DAY = 86400


def make_client(objects: FewObjects, **access: Any) -> FlaskClient:
    settings = {"api_key": KEY, "bucket": TokenBucket(None), **access}
    endpoints = WebhookEndpoints("whsec_x", lambda: NOW)
    app = create_app(StripeApi(objects, lambda: NOW), Access(**settings), endpoints)
    return app.test_client()


Get = Callable[..., Any]


@pytest.fixture
def objects() -> FewObjects:
    return FewObjects(
        customer=[customer(1), customer(2, email="two@example.org")],
        coupon=[coupon()],
        discount=[discount()],
        price=[price()],
        product=[{"id": "prod_1", "object": "product", "created": 1, "active": True}],
        payment_method=[{"id": "pm_1", "object": "payment_method", "created": 2, "customer": "cus_1"}],
        subscription=[
            subscription(1, items=12),
            subscription(2, "canceled"),
            subscription(3, "past_due", customer="cus_2"),
            subscription(4, "incomplete_expired"),
        ],
        # Five at the same second: a cursor among equals must lose and repeat nothing.
        invoice=[invoice(n, created=1000 + 10 * (n // 5), lines=1 + 11 * (n == 0)) for n in range(25)],
        event=[
            {
                "id": f"evt_{n}",
                "object": "event",
                "created": int(NOW.timestamp()) - age * DAY,
                "data": {"object": invoice(99, 1, lines=12)},
                "type": kind,
            }
            for n, (age, kind) in enumerate(
                [(40, "invoice.paid"), (29, "invoice.paid"), (3, "customer.updated")]
            )
        ],
    )


@pytest.fixture
def get(objects: FewObjects) -> Get:
    client = make_client(objects)

    def fetch(path: str, status: int = 200) -> Any:
        answer = client.get(path, headers={"Authorization": f"Bearer {KEY}"})
        assert answer.status_code == status, answer.text
        return answer.json

    return fetch


def ids(page: Any) -> list[str]:
    return [row["id"] for row in page["data"]]


def test_a_page_is_ten_rows_newest_first(get: Get) -> None:
    page = get("/v1/invoices")
    assert ids(page) == [f"in_{n}" for n in range(24, 14, -1)]
    assert page["has_more"] is True
    assert page["url"] == "/v1/invoices"


@pytest.mark.parametrize("limit", [1, 3, 7, 25, 100])
def test_following_the_cursor_gives_every_row_once(get: Get, limit: int) -> None:
    seen: list[str] = []
    page = get(f"/v1/invoices?limit={limit}")
    seen += ids(page)
    while page["has_more"]:
        page = get(f"/v1/invoices?limit={limit}&starting_after={seen[-1]}")
        seen += ids(page)
    assert seen == [f"in_{n}" for n in range(24, -1, -1)]


def test_ending_before_gives_the_rows_just_newer(get: Get) -> None:
    page = get("/v1/invoices?limit=3&ending_before=in_12")
    assert ids(page) == ["in_15", "in_14", "in_13"]
    assert page["has_more"] is True
    newest = get("/v1/invoices?limit=3&ending_before=in_22")
    assert ids(newest) == ["in_24", "in_23"]
    assert newest["has_more"] is False


def test_a_page_reads_no_more_objects_than_it_shows(objects: FewObjects, get: Get) -> None:
    objects.reads = 0
    get("/v1/invoices?limit=2")
    assert objects.reads <= 3


@pytest.mark.parametrize(
    "query,expected",
    [
        ("created[gte]=1010&created[lt]=1020", range(5, 10)),
        ("created[gt]=1010&created[lte]=1020", range(10, 15)),
        ("created=1040", range(20, 25)),
        ("created[gte]=1020&starting_after=in_12", range(10, 12)),
    ],
)
def test_created_ranges(get: Get, query: str, expected: range) -> None:
    assert ids(get(f"/v1/invoices?limit=100&{query}")) == [f"in_{n}" for n in reversed(expected)]


@pytest.mark.parametrize(
    "query,expected",
    [
        ("", ["sub_4", "sub_3", "sub_1"]),
        ("status=all", ["sub_4", "sub_3", "sub_2", "sub_1"]),
        ("status=ended", ["sub_4", "sub_2"]),
        ("status=past_due", ["sub_3"]),
        ("status=all&customer=cus_1", ["sub_4", "sub_2", "sub_1"]),
        ("status=all&price=price_1&created[gt]=102", ["sub_4", "sub_3"]),
        ("status=all&current_period_end[lt]=900", []),
        ("status=all&colour=blue", ["sub_4", "sub_3", "sub_2", "sub_1"]),
    ],
)
def test_subscription_filters(get: Get, query: str, expected: list[str]) -> None:
    assert ids(get(f"/v1/subscriptions?{query}")) == expected


def test_events_of_thirty_days_by_type(get: Get) -> None:
    events = get("/v1/events")
    assert ids(events) == ["evt_2", "evt_1"]
    assert len(events["data"][0]["data"]["object"]["lines"]["data"]) == 10
    assert ids(get("/v1/events?type=invoice.*")) == ["evt_1"]
    assert ids(get("/v1/events?types[]=customer.updated&types[]=charge.failed")) == ["evt_2"]
    assert get("/v1/events/evt_0", 404)["error"]["code"] == "resource_missing"


@pytest.mark.parametrize(
    "query,param,code",
    [
        ("limit=0", "limit", "parameter_invalid_integer"),
        ("limit=101", "limit", "parameter_invalid_integer"),
        ("limit=ten", "limit", "parameter_invalid_integer"),
        ("starting_after=in_99", "starting_after", "resource_missing"),
        ("ending_before=in_99", "ending_before", "resource_missing"),
        ("starting_after=in_1&ending_before=in_3", "starting_after", None),
        ("starting_after=", "starting_after", "parameter_invalid_empty"),
        ("created[gte]=yesterday", "created[gte]", "parameter_invalid_integer"),
        ("created[after]=3", "created[after]", "parameter_unknown"),
        ("status=happy", "status", None),
        ("customer=cus_99", "customer", "resource_missing"),
        ("expand=data.customer", "expand", None),
        ("expand[]=customer", "expand", None),
        ("expand[]=data.colour", "expand", None),
        ("expand[]=data.parent.subscription_details.subscription.customer", "expand", None),
    ],
)
def test_senseless_parameters_are_refused(get: Get, query: str, param: str, code: str | None) -> None:
    error = get(f"/v1/invoices?{query}", 400)["error"]
    assert (error["type"], error["param"], error.get("code")) == ("invalid_request_error", param, code)


def test_a_sub_list_shows_ten_rows_and_says_where_the_rest_is(get: Get) -> None:
    lines = get("/v1/invoices/in_0")["lines"]
    assert (len(lines["data"]), lines["has_more"], lines["url"]) == (10, True, "/v1/invoices/in_0/lines")
    rest = get(f"{lines['url']}?limit=100&starting_after={lines['data'][-1]['id']}")
    assert ids(rest) == ["il_0_10", "il_0_11"]
    assert rest["has_more"] is False
    items = get("/v1/subscriptions/sub_1")["items"]
    assert items["has_more"] is True
    assert len(get(f"{items['url']}&limit=100")["data"]) == 12
    assert ids(get("/v1/invoices/in_0/lines?limit=2&ending_before=il_0_5")) == ["il_0_3", "il_0_4"]


def test_subscription_items_need_their_subscription(get: Get) -> None:
    assert get("/v1/subscription_items", 400)["error"]["code"] == "parameter_missing"
    assert get("/v1/subscription_items?subscription=sub_9", 400)["error"]["param"] == "subscription"


def test_references_are_ids_until_expanded(get: Get) -> None:
    plain = get("/v1/subscriptions/sub_1")
    assert plain["customer"] == "cus_1"
    assert plain["discounts"] == ["di_1"]
    wide = get(
        "/v1/subscriptions/sub_1?expand[]=customer.invoice_settings.default_payment_method"
        "&expand[]=discounts.source.coupon&expand[]=items.data.discounts"
    )
    assert wide["customer"]["invoice_settings"]["default_payment_method"]["object"] == "payment_method"
    assert wide["discounts"][0]["source"]["coupon"]["id"] == "co_1"
    assert wide["items"]["data"][0]["discounts"][0]["id"] == "di_1"
    assert wide["items"]["data"][0]["discounts"][0]["source"]["coupon"] == "co_1"


def test_what_is_shown_on_request_only(get: Get) -> None:
    assert not {"tiers", "currency_options"} & set(get("/v1/prices/price_1"))
    assert not {"tiers"} & set(get("/v1/subscriptions/sub_1")["items"]["data"][0]["price"])
    assert "applies_to" not in get("/v1/coupons/co_1")
    listed = get("/v1/prices?expand[]=data.tiers")["data"][0]
    assert "tiers" in listed
    assert "currency_options" not in listed
    assert get("/v1/coupons?expand[]=data.applies_to")["data"][0]["applies_to"] == {"products": ["prod_1"]}
    embedded = get("/v1/subscriptions?expand[]=data.items.data.price")["data"][-1]["items"]["data"][0][
        "price"
    ]
    assert "tiers" not in embedded
    assert (
        "tiers" in get("/v1/subscriptions/sub_1?expand[]=items.data.price.tiers")["items"]["data"][0]["price"]
    )
    subscriptions = get("/v1/customers/cus_1?expand[]=subscriptions")["subscriptions"]
    assert ids(subscriptions) == ["sub_4", "sub_1"]


def test_expanding_leaves_the_stored_objects_alone(objects: FewObjects, get: Get) -> None:
    get("/v1/subscriptions?status=all&expand[]=data.customer&expand[]=data.discounts.source.coupon")
    stored = objects.get("subscription", "sub_1")
    assert stored is not None
    assert stored["customer"] == "cus_1"
    assert len(stored["items"]["data"]) == 12
    assert "tiers" in stored["items"]["data"][0]["price"]


def test_deleted_customers_leave_the_list_and_a_stub(objects: FewObjects, get: Get) -> None:
    objects.gone.add(("customer", "cus_1"))
    assert ids(get("/v1/customers")) == ["cus_2"]
    stub = {"id": "cus_1", "object": "customer", "deleted": True}
    assert get("/v1/customers/cus_1") == stub
    assert get("/v1/subscriptions/sub_1?expand[]=customer")["customer"] == stub
    assert ids(get("/v1/subscriptions?status=canceled&customer=cus_1")) == ["sub_2"]


def test_what_is_not_there(get: Get) -> None:
    missing = get("/v1/customers/cus_9", 404)["error"]
    assert (missing["code"], missing["param"]) == ("resource_missing", "id")
    assert missing["message"] == "No such customer: 'cus_9'"
    assert "Unrecognized request URL (GET: /v1/colours)" in get("/v1/colours", 404)["error"]["message"]
    assert get("/v1/customers/cus_1?colour=blue", 400)["error"]["code"] == "parameter_unknown"


@pytest.mark.parametrize(
    "authorization,status",
    [
        (f"Bearer {KEY}", 200),
        ("Basic " + base64.b64encode(f"{KEY}:".encode()).decode(), 200),
        ("Bearer sk_test_wrong00000000", 401),
        ("Basic !!!", 401),
        ("", 401),
    ],
)
def test_keys(objects: FewObjects, authorization: str, status: int) -> None:
    answer = make_client(objects).get("/v1/customers", headers={"Authorization": authorization})
    assert answer.status_code == status
    assert "sk_test_wrong00000000" not in answer.text
    assert answer.headers["Request-Id"].startswith("req_")


def test_a_restricted_key_names_the_permission_it_lacks(objects: FewObjects) -> None:
    client = make_client(objects, denied={"charges"})
    headers = {"Authorization": f"Bearer {KEY}"}
    refused = client.get("/v1/charges", headers=headers)
    assert refused.status_code == 403
    assert "rak_charge_read" in refused.get_json()["error"]["message"]
    assert client.get("/v1/invoices", headers=headers).status_code == 200


def test_the_rate_limit_refuses_and_recovers(objects: FewObjects) -> None:
    seconds = [0.0]
    client = make_client(objects, bucket=TokenBucket(2, clock=lambda: seconds[0]))
    headers = {"Authorization": f"Bearer {KEY}"}
    statuses = [client.get("/v1/customers", headers=headers).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    refused = client.get("/v1/customers", headers=headers)
    assert refused.headers["Stripe-Should-Retry"] == "true"
    assert refused.get_json()["error"]["code"] == "rate_limit"
    seconds[0] = 0.6
    assert client.get("/v1/customers", headers=headers).status_code == 200


def test_the_version_is_echoed_and_nonsense_refused(objects: FewObjects) -> None:
    client = make_client(objects)
    headers = {"Authorization": f"Bearer {KEY}"}
    assert client.get("/v1/account", headers=headers).headers["Stripe-Version"] == "2026-05-27.dahlia"
    newer = {**headers, "Stripe-Version": "2026-10-28.endive"}
    assert client.get("/v1/account", headers=newer).headers["Stripe-Version"] == "2026-10-28.endive"
    assert client.get("/v1/account", headers={**headers, "Stripe-Version": "new"}).status_code == 400


def test_meter_summaries_by_day_and_as_a_whole() -> None:
    daily = [
        {
            "id": f"mtrusg_{day}",
            "object": "billing.meter_event_summary",
            "aggregated_value": 10 + day,
            "created": day * DAY,
            "customer": "cus_1",
            "end_time": (day + 1) * DAY,
            "meter": "mtr_1",
            "start_time": day * DAY,
        }
        for day in range(5)
    ]
    meter = {
        "id": "mtr_1",
        "object": "billing.meter",
        "created": 1,
        "default_aggregation": {"formula": "sum"},
    }
    store = FewObjects(customer=[customer(1)], billing__meter=[meter], billing__meter_event_summary=daily)
    client = make_client(store)
    url = f"/v1/billing/meters/mtr_1/event_summaries?customer=cus_1&start_time={DAY}&end_time={4 * DAY}"

    def values(more: str = "") -> list[int]:
        answer = client.get(url + more, headers={"Authorization": f"Bearer {KEY}"})
        return [row["aggregated_value"] for row in answer.get_json()["data"]]

    assert values() == [11 + 12 + 13]
    assert values("&value_grouping_window=day") == [13, 12, 11]
    assert values("&value_grouping_window=day&limit=1") == [13]
    bad = client.get(url.replace(str(DAY), str(DAY + 7)), headers={"Authorization": f"Bearer {KEY}"})
    assert bad.get_json()["error"]["param"] == "start_time"
