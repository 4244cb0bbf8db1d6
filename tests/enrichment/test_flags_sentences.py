"""Every sentence of the flags as its readers see it, compared with texts that were read and approved.

After a change of wording, read the new texts and keep them:
``RENEW_SENTENCES=1 pytest tests/enrichment/test_flags_sentences.py``, then look at the difference in git.
"""

from __future__ import annotations

import os
import re
from datetime import date
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pytest

from enrichment.frames import records
from enrichment.health.config import HealthConfig
from enrichment.health.flags import RULES, FlagConfig, raise_flags
from enrichment.health.rules import read_rules
from enrichment.messages import LANGUAGES, catalogue
from tests.enrichment.facts import ENDING, MONTHLY, facts, owing

FOLDER: Final = Path(__file__).parent / "snapshots"
RED: Final = "red"
RENEWAL: Final = {"renewal_date": date(2026, 11, 30)}
CARD: Final = {"card_expires_on": date(2026, 11, 30), "card_label": "visa 4242"}
CHARGE: Final = {**CARD, "next_charge_date": date(2026, 12, 5)}
MEETING: Final = {"last_touch_kind": "meeting", "last_touch_id": "8801", "days_since_touch": 75}
CALL: Final = {**MEETING, "last_touch_kind": "call", "days_since_touch": 1}
QUIET: Final = {"has_engagements": True, "engaged_contacts": 0}
KEY: Final = {"key_contact_id": "501", "key_contact_name": "Anna Weber"}
NPS: Final = {"nps_worst_on": date(2026, 10, 12), "nps_worst": 3}
TICKETS: Final = {"tickets": 5, "tickets_norm": 1.34}
HOT: Final = {"hot_ticket_id": "9001", "hot_ticket_days": 12}
DEAL: Final = {"expansion_deal_id": "777", "expansion_moved_days": 5}
NAMED_DEAL: Final = {**DEAL, "expansion_deal_name": "More seats"}
WORTH: Final = {**NAMED_DEAL, "expansion_amount": 1200000, "expansion_currency": "eur"}
LIMIT: Final = {"limit_months": 2, "limit_share": 0.865}


def use(now: float, before: float) -> dict[str, Any]:
    return {"core_events": now, "core_events_before": before, "usage_history_days": 200}


ACCOUNTS: Final[tuple[dict[str, Any], ...]] = (
    *(use(now, before) for now, before in ((0, 120), (1, 33.333), (60, 100), (1200, 2400.5))),
    {"days_idle": 35},
    {"days_idle": 1, "limits": FlagConfig(silent_days=0)},
    {"days_idle": 15, "is_weekly_user": True},
    {"days_idle": 31, "is_weekly_user": True},
    {"days_idle": 1, "is_weekly_user": True, "limits": FlagConfig(silent_weekly_days=0)},
    ENDING,
    {**ENDING, "counted_items": 3, "scheduled_churn_mrr": 2500},
    *(owing(days, attempts) for days, attempts in ((0, 1), (1, 1), (9, 2), (20, 4), (1, 0), (15, 0))),
    owing(3, amount=123456789),
    {**owing(3), "open_total": None},
    *(owing(40, attempts, invoices=3) for attempts in (0, 1, 2)),
    {"status": "past_due"},
    {"status": "unpaid", "mrr": 0},
    {**CARD, "card_label": None},
    CARD,
    {**CARD, "is_only_method": True},
    {**CARD, "card_expires_on": date(2026, 9, 30)},
    {**CARD, "card_expires_on": date(2026, 9, 30), "is_only_method": True},
    CHARGE,
    {**CHARGE, "is_only_method": True},
    *({**RENEWAL, "days_to_renewal": days} for days in (0, 1, 2, 30, 31, 90)),
    *({**RENEWAL, "days_to_renewal": days, "band": RED} for days in (1, 60)),
    {**RENEWAL, "days_to_renewal": 30, **MEETING},
    {**RENEWAL, "days_to_renewal": 30, "days_since_touch": 60},
    {**RENEWAL, "days_to_renewal": 30, **MEETING, "band": RED},
    {**RENEWAL, "days_to_renewal": 30, "has_engagements": True},
    {**RENEWAL, "days_to_renewal": 30, "has_engagements": True, "band": RED},
    *({"currency": code, "mrr": 1234567, "mrr_90": 2345678} for code in ("eur", "usd", "jpy", "kwd", "zzz")),
    {"mrr": 9000},
    {"status": "paused", "mrr": 0},
    {"paid_seats": 15, "paid_seats_90": 20},
    {"mrr": 6000, "paid_seats": 1200, "paid_seats_90": 2000},
    *({**KEY, "key_contact_state": "left", "key_contact_lost_days": days} for days in (0, 1, 12, None)),
    *({**KEY, "key_contact_state": "bounced", "key_contact_lost_days": days} for days in (0, 3, None)),
    {"key_contact_state": "left", "key_contact_id": "501"},
    QUIET,
    *({**QUIET, **MEETING, "last_touch_kind": kind, "days_since_touch": 120} for kind in ("call", "email")),
    {**QUIET, "days_since_touch": 1},
    {**QUIET, **CALL},
    {"new_decision_maker_id": "502", "new_decision_maker_name": "Marc Petit"},
    {
        **KEY,
        "key_contact_state": "left",
        "key_contact_lost_days": 40,
        "new_decision_maker_id": "502",
        **QUIET,
    },
    NPS,
    {**NPS, "nps_worst": 6},
    {**NPS, "nps": 7.25, "nps_answers": 4},
    {"nps_worst": 5},
    {**NPS, "nps_drop": 6},
    {"nps_drop": 1, "limits": FlagConfig(nps_drop=1)},
    TICKETS,
    {**TICKETS, "tickets_norm": 0},
    {"tickets": 1, "tickets_norm": 0, "limits": FlagConfig(tickets=1)},
    HOT,
    {**HOT, "hot_ticket_days": 1, "config": HealthConfig(ticket_old_days=0)},
    {**TICKETS, **HOT},
    {"limit_months": 3},
    {**LIMIT, "limit_kind": "events"},
    {**LIMIT, "limit_kind": "seats", "limit_months": 3, "limit_share": 1.2},
    {"paid_seats": 14, "paid_seats_90": 10},
    {"mrr": 13000, "mrr_ups": 2},
    MONTHLY,
    {**MONTHLY, "currency": "jpy", "mrr": 595200, "mrr_90": 595200, "mrr_180": 595200},
    DEAL,
    *({**NAMED_DEAL, "expansion_moved_days": days} for days in (0, 1)),
    WORTH,
    {**WORTH, "budget_value": "20k in Q1", "budget_days": 12},
    {"budget_value": f"a long\nnote {'and on ' * 20}", "budget_days": 0},
    {"nps": 9.5},
    {"nps": 10.0, "nps_worst": 10},
)
"""Some accounts that together show every flag in every severity with every way to tell it."""

OWN: Final = {
    "flag": "big_and_quiet",
    "kind": "risk",
    "severity": "high",
    "when": "mrr > 0",
    "en": "{name} pays {mrr}, renews on {renewal_date}; only way to pay: {is_only_method}, weekly: "
    "{is_weekly_user}, plan: {plan}.",
    "fr": "{name} paie {mrr}, renouvelle le {renewal_date} ; seul moyen de paiement : {is_only_method}, "
    "chaque semaine : {is_weekly_user}, abonnement : {plan}.",
}


def texts(language: str) -> str:
    """Return all sentences, by what is odd about the account."""
    lines: list[str] = []
    for changes in ACCOUNTS:
        odd = {name: value for name, value in changes.items() if name not in ("limits", "config")}
        told = [" ".join(f"{name}={value}".split()) for name, value in odd.items()]
        lines += [", ".join(told), *_of(_flags(changes), language), ""]
    own = raise_flags(
        facts({"is_only_method": True, "is_weekly_user": False}),
        _health({}),
        HealthConfig(),
        read_rules([OWN]),
    )
    return "\n".join([*lines, "a flag of one's own", *_of(own, language)]) + "\n"


def _flags(changes: dict[str, Any]) -> pd.DataFrame:
    known = {name: value for name, value in changes.items() if name not in ("band", "limits", "config")}
    config = changes.get("config", HealthConfig())
    return raise_flags(facts(known), _health(changes), config, thresholds=changes.get("limits"))


def _health(changes: dict[str, Any]) -> pd.DataFrame:
    band = changes.get("band", "green")
    return pd.DataFrame({"account_id": ["acct_0"], "health_score": [92], "health_band": [band]})


def _of(flags: pd.DataFrame, language: str) -> list[str]:
    return [f"  {row['severity']} {row['flag']}: {row[f'evidence_{language}']}" for row in records(flags)]


@pytest.fixture(scope="module", params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def told(language: str) -> str:
    return texts(language)


def test_the_sentences_are_those_that_were_read(language: str, told: str) -> None:
    kept = FOLDER / f"flags_{language}.txt"
    if os.environ.get("RENEW_SENTENCES"):
        kept.write_text(told, encoding="utf-8")
    assert told == kept.read_text(encoding="utf-8"), (
        "The wording changed. Read it; when it is right, keep it with "
        "RENEW_SENTENCES=1 pytest tests/enrichment/test_flags_sentences.py"
    )


def test_every_entry_of_the_catalogue_is_among_them(language: str, told: str) -> None:
    entries = {key: entry for key, entry in catalogue(language).items() if key.startswith("flag.")}
    assert len(entries) > 60
    for key, entry in entries.items():
        for text in [entry] if isinstance(entry, str) else entry.values():
            pattern = ".+?".join(map(re.escape, re.split(r"\{\w+\}", text)))
            assert re.search(pattern, told), f"{key}: {text}"


def test_every_flag_is_among_them_in_every_severity_that_it_has(told: str) -> None:
    graded = {
        "usage_drop": "mh",
        "silent": "mh",
        "cancellation_scheduled": "mh",
        "payment_failed": "mh",
        "card_expiring": "lm",
        "renewal_near": "lmh",
        "contraction": "mh",
        "contact_change": "lmh",
        "low_nps": "mh",
        "ticket_spike": "mh",
    }
    names = {"l": "low", "m": "medium", "h": "high"}
    for rule in RULES:
        for severity in graded.get(rule.flag, "l"):
            assert f"  {names[severity]} {rule.flag}: " in told


def test_there_are_many_sentences_and_each_ends(told: str) -> None:
    said = {line.partition(": ")[2] for line in told.splitlines() if line.startswith("  ")}
    assert len(said) >= 45
    assert all(text.endswith(".") for text in said)
