"""Why the MRR of an account moved, month by month, in plain words with the Stripe ids that prove it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from enrichment.messages import Message, Money, Sayable, catalogue, say

Row = Mapping[str, Any]

_RISES: Final = {"new_mrr": "new", "reactivation_mrr": "reactivation", "expansion_mrr": "expansion"}
_FALLS: Final = {"contraction_mrr": "contraction", "churned_mrr": "churn"}
POLICY_KEYS: Final = {
    "trial_converted": "trial_conversion",
    "paused": "pause_collection",
    "resumed": "pause_collection",
    "past_due": "status.past_due",
    "unpaid": "status.unpaid",
    "usage": "metered",
    "refunded": "refunds",
    "fx": "fx.mode",
}
"""The key of the policy that makes a reason count as it does, where one does."""
_DISAGREEMENTS: Final = (
    "billed_differently",
    "first_invoices_missing",
    "invoice_missing",
    "overlapping_periods",
    "terms_unknown",
)
"""Why evidence disagrees, beside the reasons of changes that only the subscription itself shows."""
_COLUMNS: Final = {
    "item": "subscription_item_id",
    "price": "price_id",
    "product": "product_id",
    "subscription": "subscription_id",
    "customer": "customer_id",
}


@dataclass(frozen=True, slots=True)
class _Line:
    """A sentence and how far it is indented."""

    level: int
    said: Sayable

    def text(self, language: str) -> str:
        return "  " * self.level + self.said.text(language)


def history_lines(
    history: Mapping[str, Sequence[Row]], language: str = "en", *, closely: bool = False
) -> list[str]:
    """Return the months of an account, each with its movements and the changes that caused them.

    Months are told in the reporting currency where there is one, changes in their own currency too.

    Args:
        history: rows of one account, newest first: ``months`` (as in ``account_month``), ``movements``
            (``mrr_movements``) and ``ledger`` (``mrr_ledger``), each with its ``month``.
        language: ``en`` or ``fr``.
        closely: tell each change with all its ids and what its item counted for afterwards.
    """
    valuations = {row["valuation"] for row in history["months"]}
    valuation = "reporting" if "reporting" in valuations else "native"
    names = ("months", "movements", "ledger")
    lines: list[_Line] = []
    for month in sorted({row["month"] for name in names for row in history[name]}, reverse=True):
        months, movements, ledger = (
            [
                row
                for row in history[name]
                if row["month"] == month and row.get("valuation", valuation) == valuation
            ]
            for name in names
        )
        lines += _month_lines(month, months, movements, ledger, closely=closely)
    return [line.text(language) for line in lines]


def month_end_lines(items: Sequence[Row], language: str = "en") -> list[str]:
    """Return what each item counted for at the end of a month.

    Args:
        items: ``subscription_id, subscription_item_id, price_id, product_id, currency, mrr, contract_mrr``
            of each, money in minor units.
        language: ``en`` or ``fr``.
    """
    return [
        say(
            "cause.counted",
            ids=_ids(row, "item", "price", "product", "subscription"),
            mrr=Money(row["mrr"], row["currency"]),
            before=Money(row["contract_mrr"], row["currency"]),
        ).text(language)
        for row in items
    ]


def difference_lines(differences: Sequence[Row], language: str = "en") -> list[str]:
    """Return where two pieces of Stripe's evidence disagreed on the MRR, and which of them stands.

    Args:
        differences: rows of ``mrr_differences``.
        language: ``en`` or ``fr``.
    """
    return [_difference(row).text(language) for row in differences]


def _difference(row: Row) -> Message:
    """Say which MRR counts; other evidence may say nothing at all."""
    reason = row["reason"]
    parts = {
        "at": _instant(row["effective_at"]),
        "ids": _ids(row, "item", "subscription"),
        "kept": Money(row["ledger_mrr"], row["currency"]),
        "reason": _worded("cause.disagreement" if reason in _DISAGREEMENTS else "cause.reason", reason),
        "proof": row["source_object"] or "-",
    }
    if row["evidence_mrr"] is None:
        return say("cause.assumed", **parts)
    return say("cause.difference", other=Money(row["evidence_mrr"], row["currency"]), **parts)


def _month_lines(
    month: str, months: Sequence[Row], movements: Sequence[Row], ledger: Sequence[Row], *, closely: bool
) -> Iterator[_Line]:
    told: set[str] = set()
    for row in sorted(months, key=lambda row: str(row["currency"])):
        currency = row["currency"]
        told.add(currency)
        yield _Line(0, _equation(row))
        # Where the policy moves accounts, the equation says all; else each movement names its subscription.
        for movement in movements:
            if movement["currency"] == currency and movement["subscription_id"]:
                yield _Line(1, _movement(movement))
        valued = row["valuation"] == "reporting"
        yield from _changes([r for r in ledger if valued or r["currency"] == currency], closely=closely)
        if valued:
            return
    rest = [row for row in ledger if row["currency"] not in told]
    if rest:
        yield _Line(0, say("cause.passing", month=month))
        yield from _changes(rest, closely=closely)


def _equation(row: Row) -> Message:
    """Say start + movements = end, leaving out what is zero."""
    currency = row["currency"]
    told: Sayable = Money(row["mrr_start"], currency)
    for names, key in ((_RISES, "cause.plus"), (_FALLS, "cause.minus")):
        for name, kind in names.items():
            if row[name]:
                amount = Money(row[name], currency)
                told = say(key, before=told, amount=amount, kind=say(f"cause.kind.{kind}"))
    if row["fx_mrr"]:
        key, amount = ("cause.plus", row["fx_mrr"]) if row["fx_mrr"] > 0 else ("cause.minus", -row["fx_mrr"])
        told = say(key, before=told, amount=Money(amount, currency), kind=say("cause.kind.fx"))
    if isinstance(told, Money):
        return say("cause.unchanged", month=row["month"], start=told)
    return say("cause.month", month=row["month"], sum=told, end=Money(row["mrr"], currency))


def _movement(row: Row) -> Message:
    return say(
        "cause.movement",
        kind=say(f"cause.kind.{row['kind']}"),
        amount=Money(row["amount"], row["currency"]),
        ids=_ids(row, "item", "subscription"),
    )


def _changes(ledger: Sequence[Row], *, closely: bool) -> Iterator[_Line]:
    """Tell the ledger's rows, oldest first; those that leave the MRR as it is only on a closer look."""
    for row in reversed(ledger):
        if not (closely or row["mrr_change"] or row["reporting_change"] or row["fx_change"]):
            continue
        yield _Line(
            1,
            say(
                "cause.change",
                at=_instant(row["effective_at"]),
                amount=_amount(row),
                reason=_reason(row["reason"]),
                ids=_ids(row, "item", "price"),
                proof=row["source_object"] or "-",
            ),
        )
        if closely:
            yield _Line(
                2,
                say(
                    "cause.closely",
                    after=Money(row["mrr_after"], row["currency"]),
                    before=_signed(row["contract_mrr_change"], row["currency"]),
                    ids=_ids(row, "product", "subscription", "customer"),
                ),
            )


def _amount(row: Row) -> Sayable:
    """Say a change in its own currency, and in the reporting currency where that is another one."""
    currency, reporting = row["currency"], row["reporting_currency"]
    if reporting and not row["mrr_change"] and row["fx_change"]:
        return _signed(row["fx_change"], reporting)
    own = _signed(row["mrr_change"], currency)
    if reporting in (None, currency):
        return own
    valued = say("cause.valued", own=own, valued=_signed(row["reporting_change"] or 0, reporting))
    # Kept apart, as the movements of the month keep it apart.
    fx = row["fx_change"]
    return say("cause.with_fx", change=valued, fx=_signed(fx, reporting)) if fx else valued


def _signed(minor: int, currency: str) -> Sayable:
    amount = Money(minor, currency)
    return say("cause.rise", amount=amount) if minor > 0 else amount


def _reason(name: str) -> Sayable:
    said = _worded("cause.reason", name)
    key = POLICY_KEYS.get(name)
    return say("cause.by_policy", reason=said, policy=key) if key else said


def _worded(where: str, name: str) -> Message:
    """Say a name in plain words, or as it is where the catalogues have none for it."""
    key = f"{where}.{name}"
    return say(key) if key in catalogue("en") else say("cause.raw", name=name)


def _ids(row: Row, *names: str) -> Sayable:
    """Say the Stripe ids of a row that are known, each with what it is an id of."""
    known = [(name, row[_COLUMNS[name]]) for name in names if row[_COLUMNS[name]]]
    said: Sayable = say("cause.raw", name="-")
    for number, (name, value) in enumerate(known):
        part = say(f"cause.id.{name}", id=value)
        said = say("cause.and", first=said, next=part) if number else part
    return said


def _instant(at: datetime) -> Message:
    return say("cause.at", day=at.date(), time=f"{at:%H:%M}")
