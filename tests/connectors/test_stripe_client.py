"""The Stripe client: pages, sub-lists, whose key it is and what it may do."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import responses
from hypothesis import given
from hypothesis import strategies as st

from connectors.stripe.client import API_VERSION, StripeClient
from connectors.stripe.usage import DAY, Window, last_end, uncovered, whole_days
from saaskpi.errors import AccessError, RejectedError

BASE = "https://api.stripe.example"


def client(key: str = "sk_test_1") -> StripeClient:
    return StripeClient(key, BASE, sleep=lambda _: None)


def serve_list(path: str, rows: list[dict[str, Any]], size: int) -> None:
    """Serve ``rows`` as Stripe does: from after ``starting_after``, at most ``size`` a page."""

    def answer(request: Any) -> tuple[int, dict[str, str], str]:
        query = parse_qs(urlsplit(request.url).query)
        ids = [row["id"] for row in rows]
        start = ids.index(query["starting_after"][0]) + 1 if "starting_after" in query else 0
        page = rows[start : start + size]
        more = start + size < len(rows)
        return 200, {}, json.dumps({"object": "list", "data": page, "has_more": more})

    responses.add_callback("GET", BASE + path, answer)


@responses.activate
def test_a_list_is_read_to_its_end_in_the_pinned_version() -> None:
    rows = [{"id": f"cus_{index}"} for index in range(7)]
    serve_list("/v1/customers", rows, 3)
    pages = list(client().list("/v1/customers", {"expand[]": ["data.discount"]}))
    assert [len(page) for page in pages] == [3, 3, 1]
    assert [row for page in pages for row in page] == rows
    for call in responses.calls:
        assert call.request.headers["Stripe-Version"] == API_VERSION
        assert parse_qs(urlsplit(call.request.url or "").query)["expand[]"] == ["data.discount"]


@responses.activate
def test_a_fault_in_mid_list_resumes_at_the_page() -> None:
    rows = [{"id": f"cus_{index}"} for index in range(4)]
    pages = client().list("/v1/customers")
    responses.get(f"{BASE}/v1/customers", json={"data": rows[:2], "has_more": True})
    assert next(pages) == rows[:2]
    responses.reset()
    responses.get(f"{BASE}/v1/customers", status=500, json={})
    responses.get(f"{BASE}/v1/customers", json={"data": rows[2:], "has_more": False})
    assert next(pages) == rows[2:]
    asked = [parse_qs(urlsplit(call.request.url or "").query)["starting_after"] for call in responses.calls]
    assert asked[-2:] == [["cus_1"], ["cus_1"]]


@responses.activate
def test_an_empty_page_that_says_there_is_more_is_no_end() -> None:
    responses.get(f"{BASE}/v1/customers", json={"data": [], "has_more": True})
    with pytest.raises(RejectedError):
        list(client().list("/v1/customers"))


@responses.activate
def test_sub_lists_are_followed_by_has_more_and_url_not_by_a_count() -> None:
    lines = [{"id": f"il_{index}"} for index in range(23)]
    url = "/v1/invoices/in_1/lines"
    serve_list(url, lines, 10)
    embedded = {"object": "list", "data": lines[:10], "has_more": True, "total_count": 10, "url": url}
    invoice = {"id": "in_1", "lines": embedded, "metadata": {"has_more": "true"}}
    client().complete(invoice, spared=("lines",))
    assert len(responses.calls) == 0
    client().complete(invoice)
    assert embedded["data"] == lines
    assert embedded["has_more"] is False


@responses.activate
def test_a_sub_list_whose_url_has_a_query_keeps_it() -> None:
    items = [{"id": f"si_{index}"} for index in range(3)]
    serve_list("/v1/subscription_items", items, 2)
    url = "/v1/subscription_items?subscription=sub_1"
    found = client().sublist({"object": "list", "data": items[:1], "has_more": True, "url": url})
    assert list(found) == items
    assert "subscription=sub_1" in (responses.calls[0].request.url or "")


@responses.activate
def test_whose_key_it_is() -> None:
    account = {
        "id": "acct_1",
        "business_profile": {"name": None},
        "settings": {"dashboard": {"display_name": "X"}},
    }
    responses.get(f"{BASE}/v1/account", json=account)
    assert client().account().name == "X"
    assert client().account().mode == "test"
    assert client("rk_live_1").account().mode == "live"


@responses.activate
@pytest.mark.parametrize(
    "words, id_",
    [
        (
            " on account 'acct_1Ab'. Having the 'rak_accounts_kyc_basic_read' permission would allow",
            "acct_1Ab",
        ),
        (". This is a restricted API key, but the required permissions are not available", ""),
    ],
)
def test_the_account_of_a_restricted_key_is_read_from_the_refusal(words: str, id_: str) -> None:
    said = f"The provided key 'rk_live_***1' does not have the required permissions for this endpoint{words}"
    responses.get(f"{BASE}/v1/account", status=403, json={"error": {"message": said}})
    account = client("rk_live_1").account()
    assert (account.id, account.mode) == (id_, "live")


@responses.activate
def test_what_the_key_may_not_read_is_named_and_a_bad_key_stops() -> None:
    resources = ["customers", "invoices", "credit_notes"]
    for resource in resources:
        responses.get(f"{BASE}/v1/{resource}", json={"data": [], "has_more": False})
    error = {"message": "... Having the 'rak_invoice_read' permission would allow this ..."}
    responses.replace("GET", f"{BASE}/v1/invoices", status=403, json={"error": error})
    assert client().missing_permissions(resources) == {"invoices": "the permission rak_invoice_read"}
    responses.replace("GET", f"{BASE}/v1/customers", status=401, json={"error": {}})
    with pytest.raises(AccessError):
        client().missing_permissions(resources)


# -- days of usage ---------------------------------------------------------------------------------


def days(window: Window) -> set[int]:
    return set(range(*window))


windows = st.tuples(st.integers(0, 60), st.integers(1, 20)).map(lambda pair: (pair[0], sum(pair)))


@given(st.lists(windows, max_size=8))
def test_every_day_is_read_once(wanted: list[Window]) -> None:
    read: list[Window] = []
    for window in wanted:
        read += uncovered(window, list(read))
    assert sum(len(days(window)) for window in read) == len(set().union(*map(days, wanted)))
    assert set().union(*map(days, read)) == set().union(*map(days, wanted))


def test_windows_are_whole_days_up_to_the_last_period_of_all() -> None:
    def subscription(*ends: int) -> dict[str, Any]:
        return {"items": {"data": [{"current_period_end": end} for end in ends]}}

    until = last_end([subscription(4 * DAY), subscription(10 * DAY + 5, 2 * DAY), subscription()])
    assert whole_days(3 * DAY + 7, until) == (3 * DAY, 11 * DAY)
    assert whole_days(3 * DAY, last_end([])) == (3 * DAY, 4 * DAY)
