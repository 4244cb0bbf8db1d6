"""The HubSpot client: whole objects, whole associations, whatever the number of properties."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import responses

from connectors.hubspot import client as module
from connectors.hubspot.client import HUBSPOT, HubSpotClient, chunks
from connectors.rate_limiter import RateLimiter
from saaskpi.errors import AccessError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox

BASE = "https://api.hubspot.example"


def client(base: str = BASE, token: str = "pat-1") -> HubSpotClient:
    return HubSpotClient(token, base, limiter=RateLimiter(10_000), sleep=lambda _: None)


def of(sandbox: Sandbox) -> HubSpotClient:
    return client(sandbox.hubspot_url, sandbox.describe()["hubspot"]["access_token"])


def test_long_property_lists_are_read_in_the_body_and_give_the_same(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    hubspot = of(sandbox)
    names = sorted(hubspot.properties("contacts"))
    by_url = [row for page in hubspot.objects("contacts", names) for row in page]
    monkeypatch.setattr(module, "LONGEST_QUERY", 100)
    by_body = [row for page in hubspot.objects("contacts", names) for row in page]
    assert len(by_url) == sandbox.crm.counts()["hubspot_contacts"] > 100
    assert [row["id"] for row in by_body] == [row["id"] for row in by_url]
    assert [row["properties"] for row in by_body] == [row["properties"] for row in by_url]


def test_definitions_are_asked_for_once(make_sandbox: Callable[..., Sandbox]) -> None:
    sandbox = make_sandbox()
    hubspot = of(sandbox)
    assert hubspot.properties("deals") is hubspot.properties("deals")
    assert len(sandbox.log.entries()) == 1
    assert hubspot.properties("deals", refresh=True)
    assert len(sandbox.log.entries()) == 2


def test_a_portal_and_what_its_token_may_not_read(make_sandbox: Callable[..., Sandbox]) -> None:
    scopes = {"crm.objects.companies.read", "crm.objects.contacts.read", "crm.objects.owners.read", "tickets"}
    hubspot = of(make_sandbox(hubspot_scopes=scopes))
    missing = hubspot.missing_scopes(["companies", "deals"])
    assert set(missing) == {"deals", "properties of companies", "properties of deals"}
    assert missing["deals"] == "the scope crm.objects.deals.read"
    assert of(make_sandbox()).missing_scopes(["companies", "deals"]) == {}


@pytest.mark.parametrize(
    "body",
    [
        {"errors": [{"context": {"requiredGranularScopes": ["crm.objects.tasks.read"]}}]},
        {"errors": [{"context": {"missingScopes": ["crm.objects.tasks.read"]}}]},
        {
            "message": "This oauth-token requires all of [crm.objects.tasks.read]",
            "errors": [{"context": "x"}],
        },
    ],
)
def test_the_missing_scope_is_named_wherever_hubspot_names_it(body: dict[str, Any]) -> None:
    assert HUBSPOT.read_error(body).permission == "the scope crm.objects.tasks.read"


def test_whose_token_it_is(sandbox: Sandbox) -> None:
    assert of(sandbox).portal().id == str(sandbox.describe()["hubspot"]["portal_id"])
    with pytest.raises(AccessError, match="refused the key"):
        client(sandbox.hubspot_url, "pat-wrong").portal()


def _links(from_id: str, *to: str, after: str | None = None) -> dict[str, Any]:
    kinds = [{"category": "HUBSPOT_DEFINED", "typeId": kind, "label": None} for kind in (1, 279)]
    found: dict[str, Any] = {
        "from": {"id": from_id},
        "to": [{"toObjectId": id_, "associationTypes": kinds} for id_ in to],
    }
    return found | ({"paging": {"next": {"after": after}}} if after else {})


@responses.activate
def test_associations_are_read_a_thousand_at_a_time_to_the_end_of_each() -> None:
    path = f"{BASE}/crm/associations/2026-03/contacts/companies/batch/read"
    none = {"status": "error", "category": "OBJECT_NOT_FOUND", "subCategory": "crm.NO_ASSOCIATIONS_FOUND"}
    responses.post(path, status=207, json={"results": [_links("1", "a", after="X")], "errors": [none]})
    responses.post(path, json={"results": [_links("1", "b")]})
    responses.post(path, json={"results": []})
    found = list(client().associations("contacts", "companies", [str(id_) for id_ in range(1500)]))
    assert [(link["from_id"], link["to_id"], link["type_id"]) for link in found] == [
        ("1", "a", 1), ("1", "a", 279), ("1", "b", 1), ("1", "b", 279),
    ]  # fmt: skip
    bodies = [json.loads(call.request.body or "")["inputs"] for call in responses.calls]
    assert [len(inputs) for inputs in bodies] == [1000, 1, 500]
    assert bodies[1] == [{"id": "1", "after": "X"}]


@responses.activate
def test_a_partial_read_for_any_other_reason_loses_nothing_in_silence() -> None:
    path = f"{BASE}/crm/associations/2026-03/contacts/companies/batch/read"
    responses.post(path, status=207, json={"results": [], "errors": [{"category": "INTERNAL_ERROR"}]})
    with pytest.raises(UnavailableError, match="in part only"):
        list(client().associations("contacts", "companies", ["1"]))


def test_chunks() -> None:
    assert [list(part) for part in chunks([1, 2, 3, 4, 5], 2)] == [[1, 2], [3, 4], [5]]
    assert list(chunks([], 2)) == []
