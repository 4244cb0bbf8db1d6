"""Accounts computed by themselves come out as a run over all of them leaves them, column by column."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm_sync.inputs import newest_rows
from enrichment.computing import OF_ACCOUNTS
from saaskpi.pipeline import Pipeline
from saaskpi.progress import Silent
from saaskpi.refreshing import Refresher
from saaskpi.settings import Settings
from saaskpi.slicing import Concerned
from tests.support.kept import LARGER, Kept

if TYPE_CHECKING:
    from sandbox import Sandbox

Tables = dict[str, list[str]]


def tables_of(pipeline: Pipeline, *, without: tuple[str, ...] = ()) -> Tables:
    """Return every table that has rows of accounts, as sorted lines of text."""
    return {
        name: lines(pipeline.marts.read(name).drop(columns=list(without), errors="ignore"))
        for name in OF_ACCOUNTS
    }


def lines(frame: pd.DataFrame) -> list[str]:
    return sorted(
        repr({name: plain(value) for name, value in row.items()}) for row in frame.to_dict("records")
    )


def plain(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(value)
    if pd.isna(value):
        return None
    return round(float(value), 9) if isinstance(value, int | float) else str(value)


def differences(before: Tables, after: Tables) -> dict[str, Any]:
    """Return the rows of one and of the other, of each table in which they differ."""
    return {
        name: (sorted({*before[name]} - {*after[name]})[:3], sorted({*after[name]} - {*before[name]})[:3])
        for name in before
        if before[name] != after[name]
    }


class Home:
    """A home with a run, and its accounts."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.whole = tables_of(self.pipeline)
        self.accounts = sorted(self.pipeline.marts.read("accounts")["account_id"])
        self.refresher = Refresher(self.pipeline, lambda: datetime.now(UTC))

    def compute(self, *accounts: str) -> None:
        self.refresher.recompute(Concerned(accounts=frozenset(accounts)))

    def close(self) -> None:
        self.refresher.close()
        self.pipeline.close()


@pytest.fixture(scope="module")
def plain_home(kept_homes: Kept, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    _, settings = kept_homes.begin(tmp_path_factory.mktemp("plain") / "home", "enrich")
    home = Home(Pipeline(settings, now=lambda: datetime.now(UTC), stages=Silent()))
    yield home
    home.close()


@pytest.fixture(scope="module")
def rich_home(kept_homes: Kept, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Segments, a reporting currency, rules of one's own, usage under keys that accounts share, links."""
    folder = tmp_path_factory.mktemp("rich")
    sandbox, base = kept_homes.begin(folder / "home", "pull", **LARGER)
    rates = folder / "rates.csv"
    rates.write_text(RATES, encoding="utf-8")
    usage = folder / "usage.csv"
    write_usage(sandbox, usage)
    rich = Settings(
        **{
            **base.model_dump(exclude={"stripe", "hubspot", "reporting", "fx", "usage", "segments", "flags"}),
            "stripe": base.stripe,
            "hubspot": base.hubspot,
            "reporting": {"currency": "EUR"},
            "fx": {"file": rates},
            "usage": {
                "sources": [{"file": usage, "key": "hubspot.industry"}, {"file": usage, "key": "domain"}]
            },
            "segments": {"plan": "plan", "industry": "hubspot.industry", "owner": "owner"},
            "flags": [RULE],
        }
    )
    pipeline = Pipeline(rich, now=lambda: datetime.now(UTC), stages=Silent())
    link_some(pipeline)
    pipeline.enrich()
    home = Home(pipeline)
    yield home
    home.close()


RATES = "date,base,quote,rate\n2020-01-01,EUR,USD,1.1\n2025-06-01,EUR,USD,1.2\n2020-01-01,EUR,GBP,0.85\n"
RULE = {
    "flag": "many_seats",
    "kind": "opportunity",
    "severity": "low",
    "when": "mrr > 0",
    "en": "It pays.",
    "fr": "Il paie.",
}


def write_usage(sandbox: Sandbox, path: Path) -> None:
    """Write usage under the companies' domains, and under industries: several accounts have the same one."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["account", "user", "event", "at", "quantity"])
        for number, record in enumerate(sandbox.crm.tables["companies"].live()):
            for name in ("domain", "industry"):
                value = record.properties.get(name)
                if value:
                    writer.writerow(
                        [value, f"u{number}", "login", f"{sandbox.world.today}T00:00:00Z", 1 + number]
                    )


def link_some(pipeline: Pipeline) -> None:
    """Give a company a second and a third customer, and let another customer lead nowhere."""
    customers = newest_rows(pipeline.landing, "stripe_customers", ("id",))["id"].tolist()
    companies = newest_rows(pipeline.landing, "hubspot_companies", ("id",))["id"].tolist()
    for customer in customers[:3]:
        pipeline.store.set_link(customer, companies[0], "someone", datetime.now(UTC))
    pipeline.store.set_link(customers[3], "999", "someone", datetime.now(UTC))


@pytest.mark.timeout(400)
@pytest.mark.parametrize("kind", [pytest.param("plain_home", marks=pytest.mark.slow), "rich_home"])
def test_every_account_computed_in_some_company_is_as_the_whole_run_has_it(
    kind: str, request: pytest.FixtureRequest
) -> None:
    home: Home = request.getfixturevalue(kind)
    accounts = random.Random(5).sample(home.accounts, len(home.accounts))
    while accounts:
        size = random.Random(len(accounts)).choice([1, 9, 24])
        home.compute(*accounts[:size])
        del accounts[:size]
    assert differences(home.whole, tables_of(home.pipeline)) == {}


@pytest.mark.slow
@settings(
    max_examples=4,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_any_accounts_are_as_the_whole_run_has_them(rich_home: Home, data: st.DataObject) -> None:
    chosen = data.draw(st.sets(st.sampled_from(rich_home.accounts), min_size=1, max_size=6))
    rich_home.compute(*chosen)
    assert differences(rich_home.whole, tables_of(rich_home.pipeline)) == {}


def test_what_was_looked_at_ahead_is_not_looked_for_in_the_files_again(rich_home: Home) -> None:
    shelf = rich_home.pipeline.settings.home / "shelf"
    away = shelf.with_name("away")
    slicer = rich_home.refresher._slicer
    for account in rich_home.accounts[:6]:
        rich_home.compute(account)
        slicer.look_ahead(Concerned(accounts=frozenset({account})))
        shelf.rename(away)
        try:
            rich_home.compute(account)
        finally:
            away.rename(shelf)
    slicer.forget_ahead()
    assert differences(rich_home.whole, tables_of(rich_home.pipeline)) == {}
