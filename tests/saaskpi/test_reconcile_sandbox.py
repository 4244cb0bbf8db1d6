"""Over the whole road: a list made under another policy is explained by the keys that make it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from enrichment.calendar import months
from enrichment.customer_months import customer_months
from enrichment.money import to_major
from enrichment.policy import Policy
from saaskpi.books import open_books
from saaskpi.cli.base import utc_now
from saaskpi.pipeline import Pipeline
from saaskpi.progress import StageReporter
from saaskpi.settings import load
from tests.support.cli import CommandLine
from tests.support.kept import Kept


def write_list(path: Path, changed: Mapping[str, str]) -> None:
    """Write MRR per customer and month of this home under a changed policy, as a plain list."""
    with path.open("w", encoding="utf-8") as out:
        pipeline = Pipeline(load(), now=utc_now, stages=StageReporter(out))
        books = open_books(pipeline)
        ledger = books.ledger_under(Policy.from_settings(changed))
        pipeline.close()
    first = books.ledger["effective_at"].min().to_pydatetime().replace(tzinfo=books.as_of.tzinfo)
    frame = customer_months(ledger, months(first, books.as_of, books.policy.zone))
    frame["mrr"] = [str(to_major(*pair)) for pair in zip(frame["mrr"], frame["currency"], strict=True)]
    frame.rename(columns={"customer_id": "customer"}).to_csv(path, index=False)


@pytest.mark.slow
def test_a_list_of_another_policy_is_explained_by_its_key(
    saaskpi: CommandLine, kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = kept.begin(tmp_path / ".saaskpi", "enrich")[0].describe()
    monkeypatch.setenv("SAASKPI_STRIPE__API_BASE", told["stripe"]["api_base"])
    monkeypatch.setenv("STRIPE_API_KEY", told["stripe"]["api_key"])
    monkeypatch.setenv("SAASKPI_HUBSPOT__API_BASE", told["hubspot"]["api_base"])
    monkeypatch.setenv("HUBSPOT_ACCESS_TOKEN", told["hubspot"]["access_token"])
    monkeypatch.setenv("SAASKPI_AS_OF", told["today"])

    write_list(Path("same.csv"), {})
    same = saaskpi("reconcile", "same.csv", "--json")
    assert same.code == 0, same.err
    assert json.loads(same.out)["differences"] == []
    assert json.loads(same.out)["tried"] == []

    write_list(Path("other.csv"), {"discounts.forever": "ignore"})
    other = saaskpi("reconcile", "other.csv", "--json")
    assert other.code == 0, other.err
    rules = {row["rule"] for row in json.loads(other.out)["differences"]}
    assert "discounts.forever" in rules
    assert rules <= {"discounts.forever", "rounding"}
