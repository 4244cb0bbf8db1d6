"""saaskpi link: a person says which company a customer belongs to, and the numbers go there."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from saaskpi.pipeline import Pipeline
from saaskpi.progress import Silent
from saaskpi.settings import Settings
from tests.support.cli import CommandLine
from tests.support.kept import Kept


@pytest.fixture
def settings(kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    _, settings = kept.begin(tmp_path / "home")
    monkeypatch.setenv("SAASKPI_HOME", str(settings.home))
    return settings


def matches(settings: Settings) -> dict[str, tuple[Any, str]]:
    """Return the company of each customer and the rule, after an enrichment."""
    pipeline = Pipeline(settings, lambda: datetime.now(UTC), Silent())
    pipeline.enrich()
    found = pipeline.marts.read("account_match").to_dict("records")
    pipeline.close()
    return {row["customer_id"]: (row["company_id"], row["rule"]) for row in found}


def accounts(saaskpi: CommandLine) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(saaskpi("accounts", "--format", "json").out)
    return found


@pytest.mark.slow
def test_a_link_counts_before_every_rule_until_it_is_removed(
    saaskpi: CommandLine, settings: Settings
) -> None:
    before = matches(settings)
    companies = sorted({company for company, _ in before.values() if isinstance(company, str)})
    customer = next(one for one, (company, _) in before.items() if company == companies[0])
    assert "Nobody linked a customer" in saaskpi("link", "list").out
    ended = saaskpi("link", "set", customer, companies[1])
    assert (ended.code, ended.err) == (0, "")
    assert matches(settings)[customer] == (companies[1], "link")
    [row] = json.loads(saaskpi("link", "list", "--json").out)
    assert (row["customer_id"], row["company_id"]) == (customer, companies[1])
    assert row["name"] not in ("", companies[1])
    assert saaskpi("link", "remove", customer).code == 0
    assert matches(settings) == before
    assert saaskpi("link", "remove", customer).code == 2


@pytest.mark.slow
def test_customers_of_every_kind_of_account_move(saaskpi: CommandLine, settings: Settings) -> None:
    """Also those that pay nothing, and the one that Stripe deleted: only its subscriptions are left."""
    company = next(one for one, _ in matches(settings).values() if isinstance(one, str))
    told = [row for row in accounts(saaskpi) if not row["mrr"] or row["company_id"] is None]
    customers = {one for row in told for one in row["stripe_customer_ids"]}
    assert {row["status"] for row in told} >= {"active", "churned", "never_paid", "trialing"}
    for customer in sorted(customers):
        assert saaskpi("link", "set", customer, company).code == 0
    matches(settings)
    found = {one: row["account_id"] for row in accounts(saaskpi) for one in row["stripe_customer_ids"]}
    assert {found[one] for one in customers} == {company}


def test_what_is_not_there_cannot_be_linked(saaskpi: CommandLine, settings: Settings) -> None:
    known = next(iter(matches(settings)))
    assert "no Stripe customer cus_unknown" in saaskpi("link", "set", "cus_unknown", "1").err
    refused = saaskpi("link", "set", known, "424242")
    assert (refused.code, "HubSpot has no company 424242" in refused.err) == (2, True)
    assert json.loads(saaskpi("link", "list", "--json").out) == []
