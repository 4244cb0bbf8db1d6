"""Every sentence as its readers see it, compared with texts that were read and approved.

After a change of wording, read the new texts and keep them:
``RENEW_SENTENCES=1 pytest tests/enrichment/test_sentences.py``, then look at the difference in git.
"""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from enrichment.explain import explain_item
from enrichment.frames import records
from enrichment.messages import LANGUAGES, catalogue, say
from enrichment.mrr_history import difference_lines, history_lines, month_end_lines
from enrichment.policy import Policy
from tests.enrichment.books import Books, epoch
from tests.enrichment.moved import IDS, change, difference, month, movement
from tests.enrichment.wording import entries_of, is_said

FOLDER: Final = Path(__file__).parent / "snapshots"
SUBJECTS: Final = ("causes", "explain", "policy")


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
    sections = (item_texts, history_texts, policy_texts)
    return "\n".join(line for section in sections for line in section(language)).strip() + "\n"


def test_the_sentences_are_those_that_were_read(language: str, texts: str) -> None:
    kept = FOLDER / f"sentences_{language}.txt"
    if os.environ.get("RENEW_SENTENCES"):
        kept.write_text(texts, encoding="utf-8")
    assert texts == kept.read_text(encoding="utf-8"), (
        "The wording changed. Read it; when it is right, keep it with "
        "RENEW_SENTENCES=1 pytest tests/enrichment/test_sentences.py"
    )


def test_every_entry_of_the_catalogues_is_among_them(language: str, texts: str) -> None:
    for subject in SUBJECTS:
        unsaid = [f"{key}: {text}" for key, text in entries_of(language, subject) if not is_said(text, texts)]
        assert not unsaid
