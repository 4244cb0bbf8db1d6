"""Payment methods are read from each customer, by a key that may not do so as well as by one that may."""

from __future__ import annotations

import pytest
import responses

from tap_saaskpi.tap import TapSaaskpi
from tests.tap.conftest import MemoryWriter

BASE = "https://api.stripe.example"


@responses.activate
def test_a_key_that_may_not_read_cards_reads_all_else(caplog: pytest.LogCaptureFixture) -> None:
    rows = [{"id": f"cus_{number}", "discount": None} for number in range(3)]
    responses.get(f"{BASE}/v1/customers", json={"data": rows, "has_more": False})
    refused = {"error": {"message": "The provided key does not have the required permissions."}}
    asked = responses.get(f"{BASE}/v1/customers/cus_0/payment_methods", status=403, json=refused)
    writer = MemoryWriter()
    config = {"stripe_api_key": "rk_test_1", "stripe_api_base": BASE}
    streams = ["stripe_customers", "stripe_payment_methods"]
    TapSaaskpi(config=config, message_writer=writer, only=streams).sync_all()
    assert len(writer.records["stripe_customers"]) == 3
    assert not writer.records.get("stripe_payment_methods")
    assert asked.call_count == 1
    assert "stripe_payment_methods is left out" in caplog.text
    assert "rk_test_1" not in caplog.text
