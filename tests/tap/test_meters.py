"""Meters and what they counted are read by a key that may, and left out by one that may not."""

from __future__ import annotations

import pytest
import responses

from tap_saaskpi.tap import TapSaaskpi
from tests.tap.conftest import MemoryWriter

BASE = "https://api.stripe.example"
STREAMS = ["stripe_meters", "stripe_meter_event_summaries", "stripe_subscriptions"]
SUMMARIES = f"{BASE}/v1/billing/meters/mtr_1/event_summaries"


def _pull() -> MemoryWriter:
    item = {"id": "si_1", "current_period_end": 86_400, "price": {"recurring": {"meter": "mtr_1"}}}
    rows = [
        {
            "id": f"sub_{number}",
            "customer": f"cus_{number}",
            "start_date": 0,
            "discounts": [],
            "items": {"data": [item], "has_more": False},
        }
        for number in range(2)
    ]
    responses.get(f"{BASE}/v1/subscriptions", json={"data": rows, "has_more": False})
    writer = MemoryWriter()
    config = {"stripe_api_key": "rk_test_1", "stripe_api_base": BASE}
    TapSaaskpi(config=config, message_writer=writer, only=STREAMS).sync_all()
    return writer


@responses.activate
def test_a_key_that_may_not_read_meters_reads_all_else(caplog: pytest.LogCaptureFixture) -> None:
    refused = {"error": {"message": "The provided key does not have the required permissions."}}
    responses.get(f"{BASE}/v1/billing/meters", status=403, json=refused)
    asked = responses.get(SUMMARIES, status=403, json=refused)
    writer = _pull()
    assert len(writer.records["stripe_subscriptions"]) == 2
    assert not writer.records.get("stripe_meters")
    assert not writer.records.get("stripe_meter_event_summaries")
    assert asked.call_count == 1
    assert "stripe_meters is left out" in caplog.text
    assert "stripe_meter_event_summaries is left out" in caplog.text
    assert "rk_test_1" not in caplog.text


@responses.activate
def test_what_a_meter_counted_is_read_for_each_customer() -> None:
    meter = {"id": "mtr_1", "event_name": "api_call", "created": 1}
    responses.get(f"{BASE}/v1/billing/meters", json={"data": [meter], "has_more": False})
    day = {"id": "mtrusg_1", "meter": "mtr_1", "start_time": 0, "end_time": 86_400, "aggregated_value": 3}
    responses.get(SUMMARIES, json={"data": [day], "has_more": False})
    writer = _pull()
    found = writer.records["stripe_meter_event_summaries"]
    assert sorted((row["customer"], row["aggregated_value"]) for row in found) == [("cus_0", 3), ("cus_1", 3)]
    assert [row["event_name"] for row in writer.records["stripe_meters"]] == ["api_call"]
