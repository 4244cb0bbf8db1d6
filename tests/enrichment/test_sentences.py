"""Every sentence as its readers see it, compared with texts that were read and approved.

After a change of wording, read the new texts and keep them:
``RENEW_SENTENCES=1 pytest tests/enrichment/test_sentences.py``, then look at the difference in git.
"""

from __future__ import annotations

import os
import re
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pytest

from enrichment.explain import explain_item
from enrichment.frames import records
from enrichment.health.config import HealthConfig
from enrichment.health.flags import raise_flags
from enrichment.health.scoring import score
from enrichment.health.signals import COMPONENTS, SIGNALS
from enrichment.messages import LANGUAGES, catalogue, say
from enrichment.mrr_history import difference_lines, history_lines, month_end_lines
from enrichment.policy import Policy
from tests.enrichment.books import Books, epoch
from tests.enrichment.facts import ENDING, MONTHLY, facts, owing
from tests.enrichment.moved import IDS, change, difference, month, movement

FOLDER: Final = Path(__file__).parent / "snapshots"
CONNECTED_LATER: Final = {"source.used": "component", "state.missing": "signal", "state.assumed": "signal"}
PART_ENDING: Final = {**ENDING, "counted_items": 3, "scheduled_churn_mrr": 2500}
YOUNG: Final = {"mrr_180": None}
RENEWAL: Final = {"renewal_date": date(2026, 11, 30)}
STATUSES: Final = ("trialing", "incomplete", "churned", "never_paid")
ACCOUNTS: Final[tuple[dict[str, Any], ...]] = (
    {},
    MONTHLY,
    *({"term_days": days} for days in (90, 180, 360)),
    *({"days_as_customer": days} for days in (0, 59, 60, 75, 200, 364)),
    *({"bad_invoices": bad, "invoices": 6} for bad in (1, 2)),
    *({**MONTHLY, "bad_invoices": 1, "invoices": n} for n in (1, 3)),
    *({**owing(days, attempts), **term} for term in ({}, MONTHLY) for days, attempts in ((1, 1), (9, 2))),
    *(owing(days, attempts) for days, attempts in ((0, 1), (1, 0), (15, 0), (20, 4))),
    owing(3, amount=123456789),
    *(owing(40, attempts, invoices=3) for attempts in (0, 1, 2)),
    {"status": "unpaid", "mrr": 0},
    {**owing(40, 3), **MONTHLY, "mrr_180": 40000, "mrr_90": 30000},
    {**owing(30), **ENDING},
    *({"status": status} for status in ("past_due", "unpaid", *STATUSES)),
    *({"mrr": mrr} for mrr in (7000, 8500, 9000, 9900, 10100, 25000)),
    *({**YOUNG, "mrr_90": before} for before in (5000, 10000, 13000)),
    {**YOUNG, "mrr_90": None},
    {"status": "paused", "mrr": 0},
    {**ENDING, **MONTHLY},
    ENDING,
    PART_ENDING,
    {**PART_ENDING, **MONTHLY},
    *({**RENEWAL, "days_to_renewal": days} for days in (0, 1, 2, 30, 31, 90)),
    *({**RENEWAL, **owing(20), "days_to_renewal": days} for days in (0, 1, 60)),
    *({"currency": code, "mrr": 1234567, "mrr_90": 2345678} for code in ("usd", "jpy", "kwd")),
    {**MONTHLY, "currency": "jpy", "mrr": 595200, "mrr_90": 595200, "mrr_180": 595200},
)
"""Some sixty accounts that together show every band, cap, status, flag and measured signal."""


def account_texts(language: str) -> list[str]:
    """Return the sentences of all accounts: the score's, the signals' and the flags'."""
    suffix = {"en": "", "fr": "_fr"}[language]
    accounts = facts(*ACCOUNTS)
    health = score(accounts, HealthConfig())
    signals = health.signals[health.signals["component"] == "history"].groupby("account_id")
    flags = raise_flags(accounts, health.accounts, HealthConfig()).groupby("account_id")
    lines: list[str] = []
    for number, (changes, row) in enumerate(zip(ACCOUNTS, _by_number(health.accounts), strict=True)):
        name, top = row["account_id"], row[f"top_reason{suffix}"]
        lines += ["", f"{number}. {', '.join(changes) or 'as it should be'}", row[f"health_reasons{suffix}"]]
        lines += [] if pd.isna(top) else [f"  top: {top}"]
        lines += [f"  {text}" for text in _of(signals, name, f"reason_{language}")]
        told = zip(_of(flags, name, "severity"), _of(flags, name, f"evidence_{language}"), strict=True)
        lines += [f"  {severity}: {text}" for severity, text in told]
    return lines


def _by_number(accounts: pd.DataFrame) -> list[dict[str, Any]]:
    return sorted(records(accounts), key=lambda row: int(row["account_id"].removeprefix("acct_")))


def _of(groups: Any, name: str, column: str) -> list[str]:
    return list(groups.get_group(name)[column]) if name in groups.groups else []


def other_texts(language: str) -> list[str]:
    """Return what is said of sources and signals, and of an account of which too little is known."""
    little = facts({"mrr_90": 0, "mrr_180": 0})
    unknown = score(little, HealthConfig(min_coverage=80))
    notes = list(unknown.sources[f"note_{language}"])
    said = [
        say(key, **{part: say(f"{'component' if part == 'component' else 'name'}.{name}")}).text(language)
        for key, part in CONNECTED_LATER.items()
        for name in (COMPONENTS if part == "component" else [signal.id for signal in SIGNALS])
    ]
    sentence = unknown.accounts.iloc[0]["health_reasons" if language == "en" else "health_reasons_fr"]
    return ["", sentence, *notes, *said]


def item_texts(language: str) -> list[str]:
    """Return the explanations of items with every kind of price, discount, interval and standing."""
    lines: list[str] = []
    other = Policy(
        past_due="exclude",
        cancel_at_period_end="churn_at_cancel_request",
        trial_conversion="first_paid_invoice",
    )
    for policy in (Policy(), other):
        for row in _rates(policy):
            name = row["item_id"].removeprefix("si_").rpartition("_")[0]
            lines += ["", *explain_item({**row, "subscription_id": name}, language)]
    return lines


def policy_texts(language: str) -> list[str]:
    """Return what is said of the keys and presets of the policy, for one day or month and for several."""
    lines: list[str] = []
    for key, entry in catalogue(language).items():
        if key.startswith(("policy.", "preset.")):
            names = {name for text in _forms(entry) for name in re.findall(r"\{(\w+)\}", text)}
            values = {name: f"({name})" for name in names}
            counts = (1,) if isinstance(entry, str) else (1, 6)
            lines += [f"{key}: {say(key, **{**values, 'n': n}).text(language)}" for n in counts]
    return ["", *lines]


def _forms(entry: Any) -> list[str]:
    return [entry] if isinstance(entry, str) else list(entry.values())


def history_texts(language: str) -> list[str]:
    """Return what is told of months, changes and differences, with every kind and reason."""
    moved = {"new_mrr": 900, "reactivation_mrr": 800, "expansion_mrr": 700}
    lost = {"contraction_mrr": 600, "churned_mrr": 500, "fx_mrr": 400}
    reported = {"currency": "usd", "reporting_currency": "eur", "reporting_change": 90, "fx_change": -5}
    reasons = _names("cause.reason")
    history = {
        "months": [month("2026-10", 1000, 2700, **moved, **lost), month("2026-09", 1000, 1000)],
        "movements": [movement("2026-10", "new", 900, subscription_id="sub_1")],
        "ledger": [
            *(change("2026-10-20T12:00:00", 100, 300, reason) for reason in reasons),
            change("2026-08-20T12:00:00", -100, 0, "canceled", **reported),
        ],
    }
    differences = [
        difference("2026-10-20T12:00:00", reason, 900, evidence)
        for reason in _names("cause.disagreement")
        for evidence in (1000, None)
    ]
    ends = month_end_lines([{**IDS, "mrr": 900, "contract_mrr": 1800}], language)
    told = history_lines(history, language, closely=True)
    return ["", *told, *ends, *difference_lines(differences, language)]


def _names(section: str) -> list[str]:
    """Return the last names of a section of the catalogue."""
    return [key.removeprefix(f"{section}.") for key in catalogue("en") if key.startswith(f"{section}.")]


@cache
def _rates(policy: Policy) -> list[dict[str, Any]]:
    return records(_subscriptions().rates(policy))


def _subscriptions() -> Books:
    books = Books()
    books.customer()
    tiers: list[dict[str, Any]] = [
        {"up_to": 10, "unit_amount": 500, "flat_amount": 1000},
        {"up_to": None, "unit_amount": 400},
    ]
    intervals = [("day", 1), ("day", 10), ("week", 1), ("week", 2), ("month", 1), ("month", 3), ("year", 1)]
    for interval, count in (*intervals, ("year", 2)):
        price = books.price(f"p_{interval}_{count}", "123456", interval=interval, interval_count=count)
        books.subscription([(price, 1)], name=f"sub_{interval}_{count}")
    for mode in ("volume", "graduated"):
        books.tiered(f"p_{mode}", mode, tiers)
        for units in (1, 12):
            books.subscription([(f"p_{mode}", units)], name=f"sub_{mode}_{units}")
    books.price("p_pack", "900", transform_quantity={"divide_by": 100, "round": "up"})
    for units in (1, 250):
        books.subscription([("p_pack", units)], name=f"sub_pack_{units}")
    books.price("p_metered", "1", usage_type="metered")
    books.price("p_free", "0")
    books.subscription([("p_metered", None), ("p_free", 1), ("p_gone", 1)], name="sub_odd")
    coupons = [
        books.discount("di_1", books.coupon("PARTNER", percent_off=12.5)),
        books.discount("di_2", books.coupon("LOYAL", amount_off=5000, currency="eur")),
        books.discount("di_3", books.coupon("HELLO", "once", percent_off=10)),
        books.discount("di_4", books.coupon("SOON", percent_off=10), start="2027-01-01"),
        books.discount("di_5", books.coupon("GONE", percent_off=10), end="2026-01-01"),
        books.discount("di_6", books.coupon("ALL", percent_off=100)),
    ]
    taxes = [{"id": "txr_1", "inclusive": True, "percentage": 5.5}]
    books.subscription([("p_month_1", 3)], name="sub_off", discounts=coupons[:5], default_tax_rates=taxes)
    books.subscription([("p_month_1", 1)], name="sub_all", discounts=coupons[5:])
    books.subscription([("p_month_1", 1)], name="sub_own", item={"discounts": ["di_1"]})
    books.customer("cus_2", discount=coupons[0])
    books.subscription([("p_month_1", 1)], name="sub_cus", customer="cus_2")
    gone = ("canceled", "incomplete", "incomplete_expired", "paused", "trialing", "unpaid", "past_due")
    for status in gone:
        books.subscription([("p_month_1", 1)], name=f"sub_{status}", status=status)
    books.subscription([("p_month_1", 1)], name="sub_ending", cancel_at_period_end=True)
    books.subscription([("p_month_1", 1)], name="sub_tried", trial_end=epoch("2026-08-15"))
    paused = {"behavior": "void", "resumes_at": None}
    books.subscription([("p_month_1", 1)], name="sub_no_collection", pause_collection=paused)
    return books


@pytest.fixture(scope="module", params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def texts(language: str) -> str:
    sections = (account_texts, other_texts, item_texts, history_texts, policy_texts)
    return "\n".join(line for section in sections for line in section(language)).strip() + "\n"


def test_the_sentences_are_those_that_were_read(language: str, texts: str) -> None:
    kept = FOLDER / f"sentences_{language}.txt"
    if os.environ.get("RENEW_SENTENCES"):
        kept.write_text(texts, encoding="utf-8")
    assert texts == kept.read_text(encoding="utf-8"), (
        "The wording changed. Read it; when it is right, keep it with "
        "RENEW_SENTENCES=1 pytest tests/enrichment/test_sentences.py"
    )


def test_every_entry_of_the_catalogue_is_among_them(language: str, texts: str) -> None:
    for key, entry in catalogue(language).items():
        for text in _forms(entry):
            parts = re.split(r"\{\w+\}", text)
            if key != "health.nothing" and any(part.strip(" .:;,()-") for part in parts):
                assert re.search(".+?".join(map(re.escape, parts)), texts), f"{key}: {text}"
