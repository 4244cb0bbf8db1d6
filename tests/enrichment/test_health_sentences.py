"""Every sentence about a score as its readers see it, compared with texts that were read and approved.

After a change of wording, read the new texts and keep them:
``RENEW_SENTENCES=1 pytest tests/enrichment/test_health_sentences.py``, then look at the difference in git.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pytest

from enrichment.frames import records
from enrichment.health.config import HealthConfig
from enrichment.health.overrides import apply
from enrichment.health.scoring import Health, score
from enrichment.health.signals import COMPONENTS, SIGNALS
from enrichment.messages import LANGUAGES
from tests.enrichment.facts import ENDING, MONTHLY, facts, owing
from tests.enrichment.health_accounts import CONTENT, IN_TOUCH, USED, known, ladder
from tests.enrichment.wording import entries_of, is_said

FOLDER: Final = Path(__file__).parent / "snapshots"
NOW: Final = datetime(2026, 10, 31, tzinfo=UTC)
PEERS: Final = ladder(30, step=1.0).assign(account_id=[f"peer_{rank}" for rank in range(30)])
UNKNOWN: Final = dict.fromkeys
Changes = dict[str, Any]

KNOWN_CASES: Final[tuple[tuple[str, Changes], ...]] = (
    ("as it should be", {}),
    ("level: little", {"core_events": 65.0, "core_events_before": 65.0}),
    ("level: in the middle", {"core_events": 155.0, "core_events_before": 155.0}),
    ("level: nothing, for 3 weeks", {"core_events": 0, "core_events_before": 0, "days_idle": 21}),
    ("level and change, as in the specification", {"core_events": 56.0, "core_events_before": 93.0}),
    ("change: a little", {"core_events": 430}),
    ("change: up", {"core_events": 900, "days_idle": 12}),
    ("change: no history", {"usage_history_days": 40}),
    ("seats: few", {"active_users": 3}),
    ("seats: one", {"active_users": 1}),
    ("seats: none", {"active_users": 0}),
    ("seats: all", {"active_users": 10, "days_idle": 0}),
    ("seats: the only one", {"active_users": 1, "paid_seats": 1}),
    ("seats: the only one is free", {"active_users": 0, "paid_seats": 1}),
    ("last use: 12 days", {"days_idle": 12}),
    ("last use: 30 days, not yet capped", {"days_idle": 30}),
    ("last use: 45 days", {"days_idle": 45}),
    ("last use: 45 days, and little before", {"days_idle": 45, "core_events": 0, "active_users": 0}),
    ("last touch: today", {"days_since_touch": 0}),
    ("last touch: yesterday", {"days_since_touch": 1}),
    ("last touch: 95 days", {"days_since_touch": 95}),
    ("last touch: never", {"days_since_touch": None, "engaged_contacts": 0}),
    ("contacts: one", {"engaged_contacts": 1}),
    ("contacts: two", {"engaged_contacts": 2}),
    ("key contact: left", {"key_contact_state": "left"}),
    ("key contact: left, nameless", {"key_contact_state": "left", "key_contact_name": None}),
    ("key contact: bounced", {"key_contact_state": "bounced"}),
    ("key contact: bounced, nameless", {"key_contact_state": "bounced", "key_contact_name": None}),
    ("key contact: none named", {"key_contact_state": None}),
    ("survey: NPS 6", {"nps": 6.0}),
    ("survey: NPS of three", {"nps": 17 / 3, "nps_answers": 3}),
    ("survey: CSAT", {"nps": None, "nps_answers": None, "csat": 2.0, "csat_answers": 1}),
    ("survey: CSAT of two", {"nps": None, "nps_answers": None, "csat": 3.5, "csat_answers": 2}),
    ("survey: both", {"nps": 4.0, "csat": 2.5, "csat_answers": 2}),
    ("survey: no answer", {"nps": None, "nps_answers": None}),
    ("tickets: one", {"tickets": 1}),
    ("tickets: as usual", {"tickets": 6, "tickets_norm": 6.2}),
    ("tickets: more than usual", {"tickets": 7, "tickets_norm": 1.25}),
    ("tickets: never before", {"tickets": 4}),
    ("tickets: new in the CRM", {"tickets": 4, "tickets_norm": None}),
    ("open tickets: one", {"pressing_tickets": 1}),
    ("open tickets: many", {"pressing_tickets": 12}),
    ("payments: one late", {"bad_invoices": 1, "invoices": 6}),
    ("payments: two failed", {"bad_invoices": 2, "invoices": 6}),
    ("payments: a day past due", owing(1)),
    ("payments: due today", owing(0)),
    ("payments: 20 days past due", owing(20)),
    ("payments: 20 days past due, and worse", {**owing(20), "core_events": 20.0, "nps": 2.0}),
    ("MRR: down", {"mrr": 8500}),
    ("MRR: down for a younger one", {"mrr": 5000, "mrr_180": None}),
    ("MRR: up", {"mrr": 12500}),
    ("MRR: unknown", {"mrr_180": None, "mrr_90": None}),
    ("tenure: 3 months", {"days_as_customer": 100}),
    ("tenure: 2 months", {"days_as_customer": 75}),
    ("commitment: month", MONTHLY),
    ("commitment: quarter", {"term_days": 90}),
    ("commitment: half-year", {"term_days": 180}),
    ("cancelling", ENDING),
    ("cancelling, date unknown", {**ENDING, "last_end": None}),
    ("cancelling, past due and idle", {**ENDING, **owing(30), "days_idle": 60}),
    ("yellow", {"core_events": 65.0, "nps": 5.0, "days_since_touch": 110}),
    ("red", {"core_events": 12.0, "nps": 3.0, "days_since_touch": 200, "active_users": 1, "days_idle": 25}),
    ("new", {"days_as_customer": 12}),
    ("usage assumed", UNKNOWN(USED)),
    ("engagement assumed", UNKNOWN(IN_TOUCH)),
    ("satisfaction assumed", UNKNOWN(CONTENT)),
    ("payments and trend unknown", {"invoices_ever": 0, "mrr_180": 0, "mrr_90": 0}),
    ("two components assumed", {**UNKNOWN(USED), **UNKNOWN(IN_TOUCH)}),
    ("engagement assumed, and a point is lost", {**UNKNOWN(USED), **MONTHLY, "pressing_tickets": 2}),
    ("no data", {**UNKNOWN(USED), **UNKNOWN(IN_TOUCH), **UNKNOWN(CONTENT)}),
    *((status, {"status": status}) for status in ("trialing", "incomplete", "churned", "never_paid")),
)
"""Accounts of a portfolio with all sources connected."""
STRIPE_CASES: Final[tuple[tuple[str, Changes], ...]] = (
    ("as it should be", {}),
    ("by the month", MONTHLY),
    ("late once", {**MONTHLY, "bad_invoices": 1, "invoices": 6}),
    ("past due, not read which", {"status": "unpaid", "mrr": 0}),
    ("paused", {"status": "paused", "mrr": 0}),
    ("cancelling", {**ENDING, **MONTHLY}),
    ("young and past due", {**MONTHLY, **owing(22), "days_as_customer": 100}),
    ("all at once", {**owing(40), **MONTHLY, "mrr_180": 40000, "mrr_90": 30000, "days_as_customer": 61}),
)
"""Accounts where nothing but Stripe is connected."""
SETTINGS_CASES: Final[tuple[tuple[str, Changes, Changes], ...]] = (
    ("windows of a week", {"core_events": 250.0}, {"usage_days": 7}),
    ("half of the seats is enough", {"active_users": 1, "paid_seats": 2}, {"seats_full": 50}),
    (
        "a day is long",
        {"days_idle": 1, "days_since_touch": 1},
        {"idle_zero": 1, "idle_full": 0, "touch_full": 0},
    ),
    (
        "one is enough",
        {"engaged_contacts": 1, "days_as_customer": 45},
        {"contacts_full": 1, "tenure_full": 1},
    ),
    ("less than a month is old enough", {"days_as_customer": 20}, {"new_days": 0}),
    ("a plan of few", {"core_events": 20.0}, {"level_peers": 50}),
    ("more coverage is asked for", UNKNOWN(USED), {"min_coverage": 90}),
    ("history does not count", {}, {"points": {s.id: 0 for s in SIGNALS if s.component == "history"}}),
)
DECISION: Final = {
    "account_id": "acct_0",
    "author": "Ana Diaz",
    "reason": "the renewal is signed",
    "created_at": datetime(2026, 10, 1, tzinfo=UTC),
    "expires_at": datetime(2026, 12, 31, tzinfo=UTC),
}


@cache
def scored() -> list[tuple[str, Health]]:
    """Return each case's account, scored among its peers."""
    together = _among_peers([changes for _, changes in KNOWN_CASES], {})
    found = [(title, _alone(together, number)) for number, (title, _) in enumerate(KNOWN_CASES)]
    found += [
        (f"Stripe alone: {title}", score(facts(changes), HealthConfig())) for title, changes in STRIPE_CASES
    ]
    found += [
        (f"Settings: {title}", _among_peers([changes], settings))
        for title, changes, settings in SETTINGS_CASES
    ]
    return [
        (title, _alone(health, 0)) if title.startswith("Settings") else (title, health)
        for title, health in found
    ]


def _among_peers(cases: list[Changes], settings: Changes) -> Health:
    """Score accounts, each on a plan of its own with thirty others."""
    plans = [
        pd.concat([PEERS, known(changes).assign(account_id=f"acct_{number}")]).assign(plan=f"Plan {number}")
        for number, changes in enumerate(cases)
    ]
    return score(pd.concat(plans, ignore_index=True), HealthConfig(**settings))


def _alone(health: Health, number: int) -> Health:
    name = f"acct_{number}"
    accounts, signals = (frame[frame["account_id"] == name] for frame in (health.accounts, health.signals))
    return Health(accounts, signals, health.sources)


def account_texts(language: str) -> list[str]:
    """Return each account's sentence, its top reason, and what is said of its signals that is not usual."""
    suffix = {"en": "", "fr": "_fr"}[language]
    lines: list[str] = []
    usual: set[str] = set()
    for number, (title, health) in enumerate(scored()):
        row = records(health.accounts)[0]
        lines += ["", f"{number}. {title}", row[f"health_reasons{suffix}"]]
        lines += [f"  top: {row[f'top_reason{suffix}']}"] if row[f"top_reason{suffix}"] else []
        signals = health.signals
        lines += [f"  {text}" for text in signals[f"reason_{language}"] if text not in usual]
        # What is usual is said of the first account, what is not connected once.
        told = signals if not usual else signals[signals["state"] == "missing"]
        usual |= set(told[f"reason_{language}"])
    return lines


@cache
def decided() -> list[pd.DataFrame]:
    """Return an account whose band a person decided on, once per band."""
    decisions: tuple[tuple[str, Changes], ...] = (
        ("red", {}),
        ("green", ENDING),
        ("yellow", {"days_as_customer": 5}),
    )
    return [
        apply(score(facts(changes), HealthConfig()).accounts, pd.DataFrame([{**DECISION, "band": band}]), NOW)
        for band, changes in decisions
    ]


def decision_texts(language: str) -> list[str]:
    """Return what is said where a person decided about the band."""
    suffix = {"en": "", "fr": "_fr"}[language]
    rows = [accounts.iloc[0] for accounts in decided()]
    told = [(row[f"health_reasons{suffix}"], f"  top: {row[f'top_reason{suffix}']}") for row in rows]
    return ["", *(line for lines in told for line in lines)]


@cache
def connected() -> list[Health]:
    """Return scores with all sources, with few accounts in them, with Stripe alone, and without points."""
    few = score(pd.concat([known({}), facts(*[{}] * 9)]), HealthConfig())
    alone = [{s.id: 0 for s in SIGNALS if s.component == component} for component in COMPONENTS]
    weightless = [score(known({}), HealthConfig(points=points)) for points in alone]
    return [few, score(known({}), HealthConfig()), score(facts({}), HealthConfig()), *weightless]


def source_texts(language: str) -> list[str]:
    """Return what is said of each component: that it counts, or why it does not."""
    notes = [note for health in connected() for note in health.sources[f"note_{language}"]]
    signals = connected()[0].signals
    of_few = signals[signals["state"] == "missing"]
    return ["", *dict.fromkeys(notes), *dict.fromkeys(of_few[f"reason_{language}"])]


@pytest.fixture(scope="module", params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def texts(language: str) -> str:
    sections = (account_texts, decision_texts, source_texts)
    return "\n".join(line for section in sections for line in section(language)).strip() + "\n"


def test_the_sentences_are_those_that_were_read(language: str, texts: str) -> None:
    kept = FOLDER / f"health_{language}.txt"
    if os.environ.get("RENEW_SENTENCES"):
        kept.write_text(texts, encoding="utf-8")
    assert texts == kept.read_text(encoding="utf-8"), (
        "The wording changed. Read it; when it is right, keep it with "
        "RENEW_SENTENCES=1 pytest tests/enrichment/test_health_sentences.py"
    )


def test_every_entry_of_the_catalogue_is_among_them(language: str, texts: str) -> None:
    entries = entries_of(language, "health")
    assert len(entries) > 60
    unsaid = [f"{key}: {text}" for key, text in entries if not is_said(text, texts)]
    assert not unsaid


def test_no_sentence_breaks_a_rule_of_writing(language: str, texts: str) -> None:
    for line in texts.splitlines():
        assert "None" not in line
        assert "nan" not in re.split(r"\W+", line)
        assert not re.search(r"[{}]|\.\.|,\.| ,|\s{3}", line)
        if language == "fr" and not re.match(r"\d+\. ", line):
            assert not re.search(
                r" [:;%]|\S[;%]", line.replace("\u202f", "\u00a0").replace("\u00a0", "\u2007")
            )
