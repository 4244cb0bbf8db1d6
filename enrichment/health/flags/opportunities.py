"""The six opportunities. A part of a rule whose fact is not known finds nothing; all are of low severity."""

from __future__ import annotations

from typing import Final

from enrichment.health.columns import COLUMNS, Columns, Row
from enrichment.health.flags.risks import is_owing
from enrichment.health.flags.rule import OPPORTUNITY, Ground, Rule, Scene, Severities, graded
from enrichment.health.flags.words import Count, ago, money, per_cent, shortened
from enrichment.messages import Message, say

_MONTH: Final = 31
_SEATS_BACK: Final = 90
_MRR_BACK: Final = 180


def _near_limit(accounts: Columns, scene: Scene) -> Severities:
    months = accounts.numbers("limit_months")
    return graded(low=(months > 0) & (months >= scene.flags.limit_months))


def _say_near_limit(row: Row, scene: Scene) -> Message:
    said = {"months": row["limit_months"], "days": scene.health.usage_days}
    kind, share = row["limit_kind"], row["limit_share"]
    if share is None or kind not in COLUMNS["limit_kind"].choices:
        return say("flag.near_limit.plain", **said)
    return say(f"flag.near_limit.{kind}", percent=per_cent(share, 1), **said)


def _seat_growth(accounts: Columns, scene: Scene) -> Severities:
    now, before = accounts.numbers("paid_seats"), accounts.numbers("paid_seats_90")
    grown = (100 * now >= (100 + scene.flags.seat_growth) * before) & (before > 0) & (now > before)
    return graded(low=grown & (now - before >= scene.flags.seat_growth_seats))


def _say_seat_growth(row: Row, _: Scene) -> Message:
    now, before = row["paid_seats"], row["paid_seats_90"]
    percent = per_cent(now - before, before)
    return say(
        "flag.seat_growth.seats", percent=percent, before=Count(before), now=Count(now), days=_SEATS_BACK
    )


def _expansion(accounts: Columns, scene: Scene) -> Severities:
    now, before = accounts.numbers("mrr"), accounts.numbers("mrr_180")
    more = (100 * now >= (100 + scene.flags.expansion) * before) & (before > 0) & (now > before)
    return graded(low=more & (accounts.numbers("mrr_ups") >= scene.flags.expansion_months))


def _say_expansion(row: Row, _: Scene) -> Message:
    now, before = row["mrr"], row["mrr_180"]
    return say(
        "flag.sustained_expansion.mrr",
        months=row["mrr_ups"],
        percent=per_cent(now - before, before),
        days=_MRR_BACK,
        before=money(row, "mrr_180"),
        now=money(row, "mrr"),
    )


def _annual_offer(accounts: Columns, scene: Scene) -> Severities:
    """Pays by the month, for a year or more, cleanly, and is well."""
    term = accounts.numbers("term_days")
    monthly = (term > 0) & (term <= _MONTH) & (accounts.numbers("mrr") > 0)
    clean = (accounts.numbers("invoices") > 0) & (accounts.numbers("bad_invoices") == 0)
    settled = ~is_owing(accounts) & ~(accounts.numbers("ending_items") > 0)
    long = accounts.numbers("days_as_customer") >= scene.flags.annual_days
    well = accounts.numbers("health_score") >= scene.flags.annual_score
    return graded(low=monthly & clean & settled & long & well & accounts.known("customer_since"))


def _say_annual_offer(row: Row, scene: Scene) -> Message:
    return say(
        "flag.annual_offer.ready",
        date=row["customer_since"],
        amount=money(row, "mrr"),
        days=scene.health.history_window_days,
        score=row["health_score"],
    )


def _deal(accounts: Columns, scene: Scene) -> Severities:
    moved = accounts.numbers("expansion_moved_days") <= scene.flags.moved_days
    return graded(low=moved & accounts.known("expansion_deal_id"))


def _say_deal(row: Row, _: Scene) -> Message:
    name, deal_id = row["expansion_deal_name"], row["expansion_deal_id"]
    deal = say("flag.open_expansion.unnamed", id=deal_id)
    if name is not None:
        deal = say("flag.open_expansion.named", name=shortened(name), id=deal_id)
    said = {"deal": deal, "when": ago(row["expansion_moved_days"])}
    if row["expansion_amount"] is None or row["expansion_currency"] is None:
        return say("flag.open_expansion.deal", **said)
    return say("flag.open_expansion.worth", amount=money(row, "expansion_amount"), **said)


def _budget(accounts: Columns, scene: Scene) -> Severities:
    moved = accounts.numbers("budget_days") <= scene.flags.moved_days
    return graded(low=moved & accounts.known("budget_value"))


def _say_budget(row: Row, _: Scene) -> Message:
    return say(
        "flag.open_expansion.budget", value=shortened(row["budget_value"]), when=ago(row["budget_days"])
    )


def _advocate(accounts: Columns, scene: Scene) -> Severities:
    nps = accounts.numbers("nps")
    content = (nps >= scene.flags.advocate_nps) & (nps <= 10)
    well = accounts.numbers("health_score") >= scene.flags.advocate_score
    long = accounts.numbers("days_as_customer") >= scene.flags.advocate_days
    return graded(low=content & well & long & accounts.known("customer_since"))


def _say_advocate(row: Row, _: Scene) -> Message:
    return say(
        "flag.advocate.reference",
        nps=Count(row["nps"]),
        score=row["health_score"],
        date=row["customer_since"],
    )


OPPORTUNITIES: Final[tuple[Rule, ...]] = (
    Rule("near_limit", OPPORTUNITY, (Ground(_near_limit, _say_near_limit),)),
    Rule("seat_growth", OPPORTUNITY, (Ground(_seat_growth, _say_seat_growth),)),
    Rule("sustained_expansion", OPPORTUNITY, (Ground(_expansion, _say_expansion),)),
    Rule("annual_offer", OPPORTUNITY, (Ground(_annual_offer, _say_annual_offer),)),
    Rule("open_expansion", OPPORTUNITY, (Ground(_deal, _say_deal), Ground(_budget, _say_budget))),
    Rule("advocate", OPPORTUNITY, (Ground(_advocate, _say_advocate),)),
)
"""In the order in which they are shown."""
