"""Risks and opportunities of an account, each with its severity and its evidence in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import pandas as pd

from enrichment.frames import records
from enrichment.health.config import HealthConfig
from enrichment.health.scoring import CUSTOMERS
from enrichment.health.signals import Row, is_ending, is_past_due
from enrichment.messages import Message, Money, say
from enrichment.tables import ACCOUNT_FLAGS

RISK: Final = "risk"
OPPORTUNITY: Final = "opportunity"
_MONTH: Final = 31
_YEAR: Final = 365


@dataclass(frozen=True, slots=True)
class Raised:
    """What a rule found: ``high``, ``medium`` or ``low``, and why."""

    severity: str
    evidence: Message


@dataclass(frozen=True, slots=True)
class Rule:
    """One flag: its name, its kind, and when it is raised.

    ``find`` reads one account's facts with ``health_score`` and ``health_band`` beside them.
    """

    flag: str
    kind: str
    find: Callable[[Row, HealthConfig], Raised | None]


def raise_flags(facts: pd.DataFrame, health: pd.DataFrame, config: HealthConfig) -> pd.DataFrame:
    """Return the flags that are up now, one row each, as in ``tables.ACCOUNT_FLAGS``.

    Opportunities are held back while a high risk is open: nobody sells to a customer on the way out.

    Args:
        facts: ``account_facts``.
        health: account_id, health_score, health_band.
        config: thresholds.
    """
    customers = facts[facts["status"].isin(CUSTOMERS)]
    rows = customers.merge(health[["account_id", "health_score", "health_band"]], on="account_id")
    found = [flag for row in records(rows) for flag in _of_account(row, config)]
    return pd.DataFrame(found, columns=list(ACCOUNT_FLAGS))


def _of_account(row: Row, config: HealthConfig) -> list[tuple[Any, ...]]:
    raised = [(rule, found) for rule in RULES if (found := rule.find(row, config)) is not None]
    in_danger = any(rule.kind == RISK and found.severity == "high" for rule, found in raised)
    return [
        (
            row["account_id"],
            rule.flag,
            rule.kind,
            found.severity,
            found.evidence.text("en"),
            found.evidence.text("fr"),
        )
        for rule, found in raised
        if rule.kind == RISK or not in_danger
    ]


def _cancellation_scheduled(row: Row, _: HealthConfig) -> Raised | None:
    """High when everything ends; medium when only a part does."""
    if not row["ending_items"]:
        return None
    amount = Money(row["scheduled_churn_mrr"], row["currency"])
    if is_ending(row):
        return Raised("high", say("flag.cancellation_scheduled.all", amount=amount, date=row["last_end"]))
    total = Money(row["mrr"], row["currency"])
    return Raised(
        "medium", say("flag.cancellation_scheduled.part", amount=amount, total=total, date=row["first_end"])
    )


def _payment_failed(row: Row, config: HealthConfig) -> Raised | None:
    """Medium; high from three attempts or once past due for longer than the cap allows."""
    if not is_past_due(row):
        return None
    if row["open_invoice_id"] is None:
        return Raised("medium", _owing(row))
    attempts, days = int(row["most_attempts"] or 0), int(row["days_past_due"] or 0)
    invoices = int(row["open_invoices"])
    evidence = say(
        f"flag.payment_failed.{'several' if invoices > 1 else 'one'}{'' if attempts else '_late'}",
        invoice=row["open_invoice_id"],
        invoices=invoices,
        amount=Money(row["open_total"], row["open_currency"]),
        n=attempts,
        late=say(f"flag.payment_failed.{'overdue' if days else 'due_today'}", n=days),
    )
    return Raised("high" if attempts >= 3 or days > config.cap_past_due_days else "medium", evidence)


def _owing(row: Row) -> Message:
    """Say that Stripe calls a payment overdue, though no unpaid invoice was read."""
    if row["mrr"] <= 0:
        return say("flag.payment_failed.owing")
    return say("flag.payment_failed.owing_mrr", amount=Money(row["mrr"], row["currency"]))


def _renewal_near(row: Row, _: HealthConfig) -> Raised | None:
    """Terms above a month: low from 90 days before, medium from 30; high when the account is red."""
    days = row["days_to_renewal"]
    if is_ending(row) or (row["term_days"] or 0) <= _MONTH or days is None or not 0 <= days <= 90:
        return None
    amount = Money(row["mrr"], row["currency"])
    when = say(f"flag.renewal_near.{'in_days' if days else 'today'}", n=int(days), date=row["renewal_date"])
    if row["health_band"] == "red":
        return Raised("high", say("flag.renewal_near.red", when=when, amount=amount))
    return Raised("medium" if days <= 30 else "low", say("flag.renewal_near.plain", when=when, amount=amount))


def _contraction(row: Row, config: HealthConfig) -> Raised | None:
    """MRR down by 10 % or more within 90 days: medium; by 30 % or more: high."""
    before = int(row["mrr_90"] or 0)
    if row["mrr"] <= 0 and row["status"] != "paused":
        return None  # Gone is churn; only a pause keeps the customer at nothing.
    # Whole numbers on both sides: a fall of exactly 10 % must not depend on how a float is written.
    if before <= 0 or 10 * row["mrr"] > 9 * before:
        return None
    evidence = say(
        "flag.contraction.mrr",
        percent=(100 * (before - row["mrr"]) + before // 2) // before,
        before=Money(before, row["currency"]),
        now=Money(row["mrr"], row["currency"]),
        days=config.contraction_days,
    )
    return Raised("high" if 10 * row["mrr"] <= 7 * before else "medium", evidence)


def _annual_offer(row: Row, config: HealthConfig) -> Raised | None:
    """Pays by the month, for a year or more, cleanly, and is well."""
    since: date | None = row["customer_since"]
    if since is None or row["days_as_customer"] < _YEAR or not 0 < (row["term_days"] or 0) <= _MONTH:
        return None
    clean = row["invoices"] > 0 and not row["bad_invoices"] and not is_past_due(row)
    if not clean or row["ending_items"] or (row["health_score"] or 0) < 60 or row["mrr"] <= 0:
        return None
    evidence = say(
        "flag.annual_offer.ready",
        date=since,
        amount=Money(row["mrr"], row["currency"]),
        days=config.history_window_days,
        score=int(row["health_score"]),
    )
    return Raised("low", evidence)


RULES: Final[tuple[Rule, ...]] = (
    Rule("cancellation_scheduled", RISK, _cancellation_scheduled),
    Rule("payment_failed", RISK, _payment_failed),
    Rule("renewal_near", RISK, _renewal_near),
    Rule("contraction", RISK, _contraction),
    Rule("annual_offer", OPPORTUNITY, _annual_offer),
)
"""Every flag, in the order in which it is shown."""
