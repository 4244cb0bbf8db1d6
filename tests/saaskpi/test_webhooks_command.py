"""``saaskpi webhooks``: registered once at Stripe, told step by step for HubSpot."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.support.cli import CommandLine

if TYPE_CHECKING:
    from sandbox import Sandbox

URL = "https://kpi.example.com"


@pytest.fixture
def point_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[Sandbox], None]:
    def point(sandbox: Sandbox) -> None:
        monkeypatch.setenv("STRIPE_API_KEY", sandbox.stripe_api_key)
        monkeypatch.setenv("SAASKPI_STRIPE__API_BASE", sandbox.stripe_url)

    return point


def test_install_registers_once_and_mends(
    make_sandbox: Callable[..., Sandbox], point_at: Callable[[Sandbox], None], saaskpi: CommandLine
) -> None:
    sandbox = make_sandbox(customers=2, months=2)
    point_at(sandbox)
    assert "Next: saaskpi webhooks install" in saaskpi("webhooks", "list").out
    first = saaskpi("webhooks", "install", "--url", URL + "/")
    assert first.code == 0, first.err
    secret = sandbox.describe()["stripe"]["webhook_secret"]
    assert "created" in first.out
    assert first.out.count(secret) == 1
    assert f"{URL}/webhooks/hubspot" in first.out
    again = saaskpi("webhooks", "install", "--url", URL)
    assert "unchanged" in again.out
    assert secret not in again.out
    moved = json.loads(saaskpi("webhooks", "install", "--url", "https://new.example.com", "--json").out)
    assert moved["stripe"]["action"] == "updated"
    file = moved["hubspot"]["content"]
    assert file["settings"]["targetUrl"] == "https://new.example.com/webhooks/hubspot"
    kinds = {one["subscriptionType"] for one in file["subscriptions"]["legacyCrmObjects"]}
    assert {"company.merge", "contact.deletion", "deal.propertyChange", "ticket.creation"} <= kinds
    assert file["subscriptions"]["hubEvents"][0]["subscriptionType"] == "contact.privacyDeletion"
    (row,) = json.loads(saaskpi("webhooks", "list", "--json").out)
    assert (row["url"], row["ours"], row["status"]) == (
        "https://new.example.com/webhooks/stripe",
        "yes",
        "enabled",
    )


def test_without_an_address_it_says_what_to_set(saaskpi: CommandLine) -> None:
    ended = saaskpi("webhooks", "install")
    assert ended.code == 2
    assert "server.public_url" in ended.err


def test_a_key_that_may_only_read_is_told_the_way_by_hand(
    make_sandbox: Callable[..., Sandbox], point_at: Callable[[Sandbox], None], saaskpi: CommandLine
) -> None:
    point_at(make_sandbox(customers=2, months=2, stripe_denied=["webhook_endpoints"]))
    ended = saaskpi("webhooks", "install", "--url", URL)
    assert ended.code == 0
    assert "Developers > Webhooks" in ended.out
    assert "invoice.payment_failed" in ended.out
