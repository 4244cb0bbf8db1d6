"""The OpenAPI document: right by the specification, complete, and true of every answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from schemathesis.specs.openapi import definitions

from enrichment.kpis.catalogue import MONTHLY
from saaskpi.columns import ACCOUNTS, MOVEMENTS
from saaskpi.lists import METRICS
from tests.support.api import PREFIX, Caller, caller
from tests.webhook_server.conftest import Demo
from webhook_server.api import ROUTES


@pytest.fixture(scope="module")
def api(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    made = caller(demo.copied(tmp_path_factory.mktemp("openapi") / "home"))
    yield made
    made.services.close()


@pytest.fixture(scope="module")
def document(api: Caller) -> dict[str, Any]:
    told: dict[str, Any] = api.json("/openapi.json")
    return told


def test_it_is_right_by_the_specification(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert [str(error) for error in definitions.OPENAPI_31_VALIDATOR.iter_errors(document)] == []
    for name, schema in document["components"]["schemas"].items():
        jsonschema_rs.meta.validate({**schema, "$schema": "https://json-schema.org/draft/2020-12/schema"})
        assert name in str(document["paths"]) or name in str(document["components"])


def test_it_names_every_route_of_the_application_and_no_other(api: Caller, document: dict[str, Any]) -> None:
    served = {
        (method.lower(), rule.rule.replace("<", "{").replace(">", "}"))
        for rule in api.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    documented = {(method, path) for path, item in document["paths"].items() for method in item}
    assert documented == served
    operations = [one for item in document["paths"].values() for one in item.values()]
    assert len({one["operationId"] for one in operations}) == len(operations) > len(ROUTES)
    open_to_all = {one["operationId"] for one in operations if not one["security"]}
    assert open_to_all == {"get_healthz", "get_readyz"}


ASKED = (
    "/accounts?limit=1000",
    "/accounts?month=latest",
    *(f"/accounts?metric={name}" for name in METRICS),
    "/movements?limit=1000",
    "/kpis",
    "/kpis?metric=nrr&metric=mrr",
    "/runs",
    "/plan",
)


def conforms(api: Caller, document: dict[str, Any], path: str) -> Any:
    """Ask for a path and hold the answer against what the document says of it."""
    template = next(
        one for one in document["paths"] if _fits(one.removeprefix(PREFIX), path.partition("?")[0])
    )
    answers = document["paths"][template]["get"]["responses"]
    answer = api(path)
    schema = answers[str(answer.status_code)]["content"]["application/json"]["schema"]
    whole = {**schema, "components": document["components"]}
    errors = jsonschema_rs.validator_for(whole, validate_formats=True).iter_errors(answer.json)
    assert [f"{error.instance_path}: {error.message[:200]}" for error in errors] == []
    return answer.json


def _fits(template: str, path: str) -> bool:
    words, given = template.split("/"), path.split("/")
    return len(words) == len(given) and all(
        word == one or word.startswith("{") for word, one in zip(words, given, strict=True)
    )


@pytest.mark.parametrize("path", ASKED)
def test_every_answer_is_as_it_says(api: Caller, document: dict[str, Any], path: str) -> None:
    conforms(api, document, path)


def test_accounts_and_their_explanations_are_as_it_says(api: Caller, document: dict[str, Any]) -> None:
    rows = api.json("/accounts?limit=1000")["rows"]
    for row in (*rows[:4], *rows[-2:]):  # with and without MRR
        conforms(api, document, f"/accounts/{row['account_id']}")
        told = conforms(api, document, f"/accounts/{row['account_id']}/explain")
        assert told["account"]["mrr"] == row["mrr"]
        conforms(api, document, f"/accounts/{row['account_id']}/explain?month=latest")


@pytest.mark.parametrize("path", ["/accounts/nobody", "/accounts?bnd=1", "/kpis?by=nothing"])
def test_failures_are_as_it_says(api: Caller, document: dict[str, Any], path: str) -> None:
    assert set(conforms(api, document, path)) == {"error", "hint"}


def test_it_follows_the_declared_columns(document: dict[str, Any]) -> None:
    def properties(path: str) -> list[Any]:
        rows = document["paths"][PREFIX + path]["get"]["responses"]["200"]["content"]["application/json"]
        items = rows["schema"]["properties"]["rows"]["items"]
        return [list(one["properties"]) for one in items.get("anyOf", [items])]

    assert properties("/accounts")[0] == [column.name for column in ACCOUNTS]
    assert properties("/movements") == [[column.name for column in MOVEMENTS]]
    assert {kpi.id for kpi in MONTHLY} <= set(properties("/kpis")[0])


def test_the_page_about_the_api_speaks_of_every_route() -> None:
    page = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
    for route in ROUTES:
        assert f"`{route.method} {PREFIX}{route.path}`" in page, route.path
        for parameter in route.parameters:
            assert f"`{parameter.name}`" in page, parameter.name
