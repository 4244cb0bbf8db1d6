"""The HubSpot writer: each row learns what became of it, whatever HubSpot makes of the batch."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import responses

from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.writer import MOST_SPLITS, UNSAID, HubSpotWriter, RowResult
from connectors.rate_limiter import RateLimiter
from saaskpi.errors import AccessError
from tests.support.hubspot_models import HubSpotModels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from sandbox import Sandbox

BASE = "https://api.hubspot.example"
UPDATE = f"{BASE}/crm/objects/2026-03/companies/batch/update"
TASK_TO_COMPANY = 192


def writer(base: str = BASE, token: str = "pat-1") -> HubSpotWriter:
    return HubSpotWriter(HubSpotClient(token, base, limiter=RateLimiter(10_000), sleep=lambda _: None))


def of(sandbox: Sandbox) -> HubSpotWriter:
    return writer(sandbox.hubspot_url, sandbox.describe()["hubspot"]["access_token"])


def reader(sandbox: Sandbox) -> HubSpotClient:
    return HubSpotClient(sandbox.describe()["hubspot"]["access_token"], sandbox.hubspot_url)


def flat(results: Iterable[list[RowResult]]) -> list[RowResult]:
    return [row for batch in results for row in batch]


def number(name: str) -> dict[str, Any]:
    return {"name": name, "label": name, "type": "number", "fieldType": "number", "groupName": "saaskpi"}


# -- against the look-alike ----------------------------------------------------------------------


@pytest.fixture
def sandbox_of_my_own(make_sandbox: Callable[..., Sandbox]) -> Iterator[Sandbox]:
    """A sandbox to write to, where HubSpot's own models check every body."""
    sandbox, models = make_sandbox(), HubSpotModels()
    sandbox.log.observers.append(models)
    yield sandbox
    assert models.violations == []


def test_groups_and_properties_are_created_once(sandbox_of_my_own: Sandbox) -> None:
    hubspot = of(sandbox_of_my_own)
    assert hubspot.create_group("companies", "saaskpi", "SaaS KPI") is True
    assert hubspot.create_group("companies", "saaskpi", "SaaS KPI") is False
    bad = {**number("saaskpi_bad"), "groupName": "nowhere"}
    results = hubspot.create_properties("companies", [number("saaskpi_mrr"), bad, number("saaskpi_arr")])
    assert [(row.key, row.ok) for row in results] == [
        ("saaskpi_mrr", True), ("saaskpi_bad", False), ("saaskpi_arr", True),
    ]  # fmt: skip
    assert results[1].error
    assert {"saaskpi_mrr", "saaskpi_arr"} <= set(hubspot.properties("companies"))
    assert hubspot.create_properties("companies", [number("saaskpi_mrr")])[0].ok


def companies(sandbox: Sandbox) -> list[str]:
    return [row["id"] for page in reader(sandbox).objects("companies", ["name"]) for row in page]


def test_one_bad_row_does_not_stop_the_others(sandbox_of_my_own: Sandbox) -> None:
    hubspot = of(sandbox_of_my_own)
    hubspot.create_group("companies", "saaskpi", "SaaS KPI")
    hubspot.create_properties("companies", [number("saaskpi_mrr")])
    ids = companies(sandbox_of_my_own)[:8]
    inputs = [(id_, {"saaskpi_mrr": "12"}) for id_ in ids]
    inputs[2] = (ids[2], {"saaskpi_mrr": "twelve"})
    inputs[5] = ("999999999", {"saaskpi_mrr": "12"})
    results = {row.key: row for row in flat(hubspot.update("companies", inputs))}
    assert {key for key, row in results.items() if not row.ok} == {ids[2], "999999999"}
    assert all(results[key].error for key in (ids[2], "999999999"))
    assert all(row.object_id == row.key for row in results.values() if row.ok)
    client = HubSpotClient(
        sandbox_of_my_own.describe()["hubspot"]["access_token"], sandbox_of_my_own.hubspot_url
    )
    found = {
        row["id"]: row["properties"]["saaskpi_mrr"]
        for page in client.objects("companies", ["saaskpi_mrr"])
        for row in page
    }
    assert [found[id_] for id_ in ids] == ["12", "12", None, "12", "12", None, "12", "12"]


def test_upsert_and_association_can_be_repeated(sandbox_of_my_own: Sandbox) -> None:
    hubspot = of(sandbox_of_my_own)
    hubspot.create_group("tasks", "saaskpi", "SaaS KPI")
    key = {**number("saaskpi_task_key"), "type": "string", "fieldType": "text", "hasUniqueValue": True}
    assert hubspot.create_properties("tasks", [key])[0].ok
    before = sandbox_of_my_own.crm.counts()["hubspot_tasks"]
    task = {
        "hs_timestamp": "2026-11-03T09:00:00Z",
        "hs_task_subject": "Call",
        "hs_task_status": "NOT_STARTED",
    }
    inputs = [(f"1:2:rule:{index}", task) for index in range(3)]
    first = flat(hubspot.upsert("tasks", "saaskpi_task_key", inputs))
    again = flat(hubspot.upsert("tasks", "saaskpi_task_key", inputs))
    assert first == again
    assert [row.key for row in first] == [key for key, _ in inputs]
    assert all(row.ok and row.object_id for row in first)
    assert sandbox_of_my_own.crm.counts()["hubspot_tasks"] == before + 3

    company = companies(sandbox_of_my_own)[0]
    pairs = [(row.object_id or "", company) for row in first] + [("404404", company)]
    for _ in range(2):
        linked = flat(hubspot.associate("tasks", "companies", TASK_TO_COMPANY, pairs))
        assert [row.ok for row in linked] == [True, True, True, False]
        assert linked[0].key == f"{pairs[0][0]}:{company}"
        assert linked[3].error != UNSAID
    client = HubSpotClient(
        sandbox_of_my_own.describe()["hubspot"]["access_token"], sandbox_of_my_own.hubspot_url
    )
    links = list(client.associations("tasks", "companies", [row.object_id or "" for row in first]))
    assert [(link["to_id"], link["type_id"]) for link in links] == [(company, TASK_TO_COMPANY)] * 3


def test_a_write_whose_answer_was_cut_is_done_once_in_effect(sandbox_of_my_own: Sandbox) -> None:
    from sandbox.faults import Fault

    hubspot = of(sandbox_of_my_own)
    ids = companies(sandbox_of_my_own)[:2]
    sandbox_of_my_own.faults.add(Fault("cut", path="/crm/objects/2026-03/companies/batch/update", times=1))
    results = flat(hubspot.update("companies", [(id_, {"phone": "+33 1"}) for id_ in ids]))
    assert [row.ok for row in results] == [True, True]


# -- odd answers ---------------------------------------------------------------------------------


def portal(poisoned: set[str], *, silent: bool = False) -> None:
    """A portal that refuses any batch holding a poisoned row as a whole."""

    def answer(request: Any) -> tuple[int, dict[str, str], str]:
        inputs = json.loads(request.body)["inputs"]
        if any(row["id"] in poisoned for row in inputs):
            return 400, {}, json.dumps({"status": "error", "message": "Property values were not valid"})
        results = [{"id": row["id"], "objectWriteTraceId": row["objectWriteTraceId"]} for row in inputs]
        return 200, {}, json.dumps({"status": "COMPLETE", "results": [] if silent else results})

    responses.add_callback("POST", UPDATE, answer)


@responses.activate
def test_a_poisoned_row_is_found_and_the_rest_is_written() -> None:
    portal({"17", "83"})
    rows = [(str(index), {"x": "1"}) for index in range(250)]
    batches = list(writer().update("companies", rows))
    results = flat(batches)
    assert sorted(row.key for row in results) == sorted(key for key, _ in rows)
    assert {row.key for row in results if not row.ok} == {"17", "83"}
    assert all("not valid" in (row.error or "") for row in results if not row.ok)
    assert max(len(batch) for batch in batches) == 100
    assert len(responses.calls) < MOST_SPLITS + 2


@responses.activate
def test_a_batch_in_which_every_row_is_bad_costs_a_bounded_number_of_calls() -> None:
    portal({str(index) for index in range(100)})
    results = flat(writer().update("companies", [(str(index), {"x": "1"}) for index in range(100)]))
    assert len(results) == 100
    assert not any(row.ok for row in results)
    assert len(responses.calls) <= 2 * MOST_SPLITS


@responses.activate
def test_a_row_that_hubspot_does_not_mention_is_not_taken_as_written() -> None:
    portal(set(), silent=True)
    assert flat(writer().update("companies", [("1", {"x": "1"})])) == [RowResult("1", ok=False, error=UNSAID)]


@responses.activate
def test_207_ties_errors_to_rows_by_trace_id_and_a_merge_gives_the_new_id() -> None:
    answer = {
        "status": "COMPLETE",
        "numErrors": 1,
        "results": [{"id": "77", "objectWriteTraceId": "0"}],
        "errors": [{"message": "no", "context": {"objectWriteTraceId": ["1"]}}],
    }
    responses.post(UPDATE, status=207, json=answer)
    results = flat(writer().update("companies", [("7", {"x": "1"}), ("8", {"x": "1"})]))
    assert results == [RowResult("7", ok=True, object_id="77"), RowResult("8", ok=False, error="no")]


@responses.activate
def test_a_refused_token_stops_at_the_first_call() -> None:
    responses.post(UPDATE, status=401, json={"category": "INVALID_AUTHENTICATION"})
    with pytest.raises(AccessError):
        flat(writer().update("companies", [(str(index), {"x": "1"}) for index in range(500)]))
    assert len(responses.calls) == 1


@responses.activate
def test_a_429_on_a_write_is_waited_out() -> None:
    responses.post(UPDATE, status=429, json={"policyName": "TEN_SECONDLY_ROLLING"})
    portal(set())
    assert flat(writer().update("companies", [("1", {"x": "1"})]))[0].ok
