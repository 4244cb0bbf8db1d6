"""What the tap reads is what the vendors have: nothing lost, nothing twice, nothing read in vain."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
import responses
from singer_sdk.typing import DEFAULT_JSONSCHEMA_VALIDATOR

from connectors.hubspot.streams import gather
from saaskpi.errors import AccessError
from tap_saaskpi.tap import TapSaaskpi
from tests.tap.conftest import MemoryWriter

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox

    Read = Callable[..., tuple[TapSaaskpi, Any]]


def counts_of(sandbox: Sandbox) -> dict[str, int]:
    return {stream: count for vendor in sandbox.counts().values() for stream, count in vendor.items()}


@pytest.fixture(scope="module")
def whole(sandbox: Sandbox, read: Read) -> tuple[TapSaaskpi, Any]:
    """The tap and what it wrote, all streams selected."""
    return read(sandbox)


def test_every_stream_is_whole_and_nothing_comes_twice(
    sandbox: Sandbox, whole: tuple[TapSaaskpi, Any]
) -> None:
    tap, written = whole
    assert {stream: len(written.records[stream]) for stream in tap.streams} == counts_of(sandbox)
    for name, stream in tap.streams.items():
        keys = Counter(tuple(row[key] for key in stream.primary_keys) for row in written.records[name])
        assert [key for key, count in keys.items() if count > 1] == [], name
        assert len(written.schemas[name]) == 1, name
        assert set(stream.primary_keys) <= set(stream.schema["required"]), name


def test_records_are_json_and_fit_their_schema(whole: tuple[TapSaaskpi, Any]) -> None:
    tap, written = whole
    for name, stream in tap.streams.items():
        validator = DEFAULT_JSONSCHEMA_VALIDATOR(stream.schema)
        for record in written.records[name][:200]:
            json.dumps(record, allow_nan=False)
            errors = [f"{name}: {error.message}" for error in validator.iter_errors(record)]
            assert errors == []


def test_state_is_small_and_declares_no_partitions(whole: tuple[TapSaaskpi, Any]) -> None:
    _, written = whole
    assert len(json.dumps(written.states[-1])) < 5_000
    assert "partitions" not in json.dumps(written.states)
    assert len(written.states) < 100


@pytest.mark.parametrize(
    "child, parent",
    [
        ("stripe_subscription_items", "/v1/subscriptions"),
        ("stripe_invoice_lines", "/v1/invoices"),
        ("stripe_discounts", "/v1/subscriptions"),
        ("hubspot_associations", "/crm/objects/2026-03/contacts"),
    ],
)
def test_a_child_alone_reads_its_parent_once_and_writes_only_itself(
    make_sandbox: Callable[..., Sandbox], read: Read, child: str, parent: str
) -> None:
    sandbox = make_sandbox()
    _, written = read(sandbox, child)
    assert set(written.records) <= {child}
    assert set(written.schemas) == {child}
    assert len(written.records[child]) == counts_of(sandbox)[child]
    read_first = [
        entry
        for entry in sandbox.log.entries()
        if entry["path"] == parent and not {"starting_after", "after"} & set(entry["query"])
    ]
    assert len(read_first) == 1


def test_archived_prices_are_read_too(whole: tuple[TapSaaskpi, Any]) -> None:
    _, written = whole
    assert {row["active"] for row in written.records["stripe_prices"]} == {True, False}


@responses.activate
def test_tiers_in_other_currencies_are_asked_for_by_name() -> None:
    def price(id_: str, scheme: str, usd: dict[str, Any]) -> dict[str, Any]:
        options = {"eur": {"unit_amount": None}, "usd": usd}
        return {"id": id_, "billing_scheme": scheme, "currency": "eur", "currency_options": options}

    base = "https://api.stripe.example"
    rows = [price("price_1", "tiered", {}), price("price_2", "per_unit", {})]
    tiers = [{"up_to": None, "unit_amount": 5}]
    responses.get(f"{base}/v1/prices", json={"data": rows, "has_more": False})
    responses.get(f"{base}/v1/prices", json={"data": [], "has_more": False})
    responses.get(f"{base}/v1/prices/price_1", json=price("price_1", "tiered", {"tiers": tiers}))
    writer = MemoryWriter()
    config = {"stripe_api_key": "sk_test_1", "stripe_api_base": base}
    TapSaaskpi(config=config, message_writer=writer, only=["stripe_prices"]).sync_all()
    read = {row["id"]: row["currency_options"]["usd"] for row in writer.records["stripe_prices"]}
    assert read == {"price_1": {"tiers": tiers}, "price_2": {}}
    asked = parse_qs(urlsplit(responses.calls[1].request.url or "").query)["expand[]"]
    assert asked == ["currency_options", "currency_options.eur.tiers", "currency_options.usd.tiers"]


@responses.activate
def test_a_customer_deleted_meanwhile_does_not_end_the_run() -> None:
    base = "https://api.stripe.example"
    rows = [{"id": f"cus_{number}", "discount": None} for number in range(2)]
    responses.get(f"{base}/v1/customers", json={"data": rows, "has_more": False})
    gone = {"error": {"code": "resource_missing", "message": "No such customer: 'cus_0'"}}
    responses.get(f"{base}/v1/customers/cus_0/payment_methods", status=404, json=gone)
    cards = {"data": [{"id": "pm_1"}], "has_more": False}
    responses.get(f"{base}/v1/customers/cus_1/payment_methods", json=cards)
    writer = MemoryWriter()
    config = {"stripe_api_key": "sk_test_1", "stripe_api_base": base}
    TapSaaskpi(config=config, message_writer=writer, only=["stripe_payment_methods"]).sync_all()
    assert [row["id"] for row in writer.records["stripe_payment_methods"]] == ["pm_1"]


def test_objects_that_nobody_wants_need_no_scope(make_sandbox: Callable[..., Sandbox], read: Read) -> None:
    scopes = ["crm.schemas.companies.read", "crm.objects.companies.read"]
    sandbox = make_sandbox(hubspot_scopes=scopes)
    wanted = ("hubspot_companies", "hubspot_properties")
    _, written = read(sandbox, *wanted, stripe_api_key=None)
    assert set(written.records) == set(wanted)
    assert {row["object_type"] for row in written.records["hubspot_properties"]} == {"companies"}


def test_what_is_not_selected_is_not_asked_for(make_sandbox: Callable[..., Sandbox], read: Read) -> None:
    sandbox = make_sandbox()
    _, written = read(sandbox, "stripe_coupons", hubspot_access_token=None)
    assert set(written.records) == {"stripe_coupons"}
    assert [entry["path"] for entry in sandbox.log.entries()] == ["/v1/coupons"]


def test_a_catalog_selects_streams_and_fields(sandbox: Sandbox, settings_for: Any) -> None:
    config = settings_for(sandbox)
    catalog = TapSaaskpi(config=config).catalog_dict
    for entry in catalog["streams"]:
        for item in entry["metadata"]:
            wanted = entry["stream"] in ("stripe_customers", "hubspot_companies")
            if item["breadcrumb"] == []:
                item["metadata"]["selected"] = wanted
            elif item["breadcrumb"][-1] in ("email", "domain"):
                item["metadata"]["selected"] = False
    writer = MemoryWriter()
    TapSaaskpi(config=config, catalog=catalog, message_writer=writer).sync_all()
    assert set(writer.records) == {"stripe_customers", "hubspot_companies"}
    customers, companies = writer.records["stripe_customers"], writer.records["hubspot_companies"]
    assert len(customers) == counts_of(sandbox)["stripe_customers"]
    assert all("email" not in row and row["created"] for row in customers)
    assert all("domain" not in row["properties"] and row["properties"]["name"] for row in companies)


def test_a_field_left_out_of_a_child_is_still_there_for_its_siblings(
    sandbox: Sandbox, settings_for: Any
) -> None:
    config = settings_for(sandbox)
    catalog = TapSaaskpi(config=config).catalog_dict
    wanted = ("stripe_subscriptions", "stripe_subscription_items", "stripe_discounts", "stripe_customers")
    for entry in catalog["streams"]:
        for item in entry["metadata"]:
            if item["breadcrumb"] == []:
                item["metadata"]["selected"] = entry["stream"] in wanted
            elif item["breadcrumb"][-1] in ("price", "discounts", "discount"):
                item["metadata"]["selected"] = False
    writer = MemoryWriter()
    TapSaaskpi(config=config, catalog=catalog, message_writer=writer).sync_all()
    assert {name: len(records) for name, records in writer.records.items()} == {
        name: counts_of(sandbox)[name] for name in wanted
    }
    assert all("price" not in item for item in writer.records["stripe_subscription_items"])


def test_every_discount_has_its_whole_coupon(whole: tuple[TapSaaskpi, Any]) -> None:
    discounts = whole[1].records["stripe_discounts"]
    assert {bool(row["subscription_item"]) for row in discounts} == {True, False}
    assert all(row["source"]["coupon"]["duration"] for row in discounts)


def test_pages_are_gathered_for_the_associations_but_the_first_comes_at_once() -> None:
    pages = [[{"id": str(index)}] for index in range(25)]
    gathered = list(gather(pages))
    assert [len(page) for page in gathered] == [1, 10, 10, 4]
    assert [row for page in gathered for row in page] == [row for page in pages for row in page]
    assert list(gather([[]])) == [[]]


def test_a_stream_map_on_a_parent_holds_for_its_children(sandbox: Sandbox, read: Read) -> None:
    rule = {"stripe_subscriptions": {"__filter__": "record['status'] == 'canceled'"}}
    _, written = read(sandbox, "stripe_subscriptions", "stripe_subscription_items", stream_maps=rule)
    subscriptions = {row["id"] for row in written.records["stripe_subscriptions"]}
    assert {row["status"] for row in written.records["stripe_subscriptions"]} == {"canceled"}
    assert {row["subscription"] for row in written.records["stripe_subscription_items"]} == subscriptions


def test_hubspot_values_have_their_real_types(whole: tuple[TapSaaskpi, Any]) -> None:
    tap, written = whole
    kinds = {(row["object_type"], row["name"]): row["type"] for row in written.records["hubspot_properties"]}
    seen: set[str] = set()
    for stream in ("hubspot_companies", "hubspot_deals"):
        for record in written.records[stream]:
            assert record["unfit_properties"] is None
            for name, value in record["properties"].items():
                assert value != ""
                if value is not None:
                    kind = kinds[stream.removeprefix("hubspot_"), name]
                    seen.add(kind)
                    assert _fits(kind, value), (name, kind, value)
    assert {"number", "datetime", "string", "enumeration"} <= seen
    assert (
        "number"
        in tap.streams["hubspot_companies"].schema["properties"]["properties"]["properties"][
            "numberofemployees"
        ]["type"]
    )


def _fits(kind: str, value: Any) -> bool:
    if kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "bool":
        return isinstance(value, bool)
    if kind in ("date", "datetime"):
        return datetime.fromisoformat(value) is not None
    return isinstance(value, str)


def test_a_portal_without_surveys_leaves_that_stream_out(
    make_sandbox: Callable[..., Sandbox], read: Read, caplog: pytest.LogCaptureFixture
) -> None:
    scopes = {f"crm.objects.{kind}.read" for kind in ("companies", "contacts", "deals", "owners")}
    scopes |= {f"crm.schemas.{kind}.read" for kind in ("companies", "contacts", "deals")} | {"tickets"}
    sandbox = make_sandbox(hubspot_scopes=scopes)
    tap, written = read(sandbox, "hubspot_companies", "hubspot_feedback_submissions")
    assert "hubspot_feedback_submissions" not in tap.streams
    assert "hubspot_feedback_submissions is left out" in caplog.text
    assert written.records["hubspot_companies"]


def test_a_key_refused_in_the_middle_stops_the_run(make_sandbox: Callable[..., Sandbox], read: Read) -> None:
    from sandbox.faults import Fault

    sandbox = make_sandbox()
    sandbox.faults.add(Fault("401", vendor="stripe", path="/v1/invoices"))
    with pytest.raises(AccessError, match="Stripe at 127"):
        read(sandbox)


def test_faults_on_the_way_change_nothing(make_sandbox: Callable[..., Sandbox], read: Read) -> None:
    from sandbox.faults import Fault

    sandbox = make_sandbox()
    for after, kind in enumerate(("429", "status", "cut", "latency")):
        sandbox.faults.add(Fault(kind, status=503, seconds=0.05, times=1, after=5 + after))
    tap, written = read(sandbox)
    assert {stream: len(written.records[stream]) for stream in tap.streams} == counts_of(sandbox)
    assert sandbox.faults.rules() == []
