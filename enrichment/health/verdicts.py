"""From one account's points to its score, its band and the sentence that a salesperson reads."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor
from typing import Any, Final, NamedTuple

from enrichment.health.config import HealthConfig
from enrichment.health.signals import SIGNALS, Row, is_ending
from enrichment.messages import Message, say

MOST_REASONS: Final = 3
_LEAST_TOLD: Final = 0.5


class Weights(NamedTuple):
    """One account's points of 100: in the score, lost per signal, withheld; and the coverage, 0 to 1."""

    total: float
    coverage: float
    lost: list[float]
    withheld: float


class Verdict(NamedTuple):
    """What is said of one account.

    Attributes:
        score: 0 to 100 after caps; None where the band is not a colour.
        band: ``green``, ``yellow``, ``red``, ``new`` or ``no data``.
        coverage: per cent of the points that are measured, rounded down.
        cap: the highest score that the facts allow.
        sentence: why, for people.
        top_reason: the weightiest reason alone; None when there is none.
    """

    score: int | None
    band: str
    coverage: int
    cap: int
    sentence: Message
    top_reason: Message | None


class _Cap(NamedTuple):
    """The highest score that a fact allows, why, and the signal that the reason makes needless to tell."""

    points: int
    reason: Message
    signal: str


_NO_CAP: Final = _Cap(100, say("health.nothing"), "")


def judge(row: Row, weights: Weights, reasons: Sequence[Message], config: HealthConfig) -> Verdict:
    """Return the verdict on a customer.

    Args:
        row: the account's facts.
        weights: its points.
        reasons: what to say of each signal, in the order of ``SIGNALS``.
        config: thresholds.
    """
    cap = _cap(row, config)
    points = round_half_up(min(weights.total, cap.points))
    coverage = floor(100 * weights.coverage + 1e-9)
    band = _band(row, points, coverage, config)
    if band == "new":
        return Verdict(None, band, coverage, cap.points, _new(row, config), None)
    if band == "no data":
        sentence = say("health.no_data", name=row["name"], coverage=coverage)
        return Verdict(None, band, coverage, cap.points, sentence, None)
    held = cap if weights.total > cap.points else None
    told = _told(weights.lost, reasons, held)
    top = held.reason if held else told[0][0] if told else None
    return Verdict(points, band, coverage, cap.points, _sentence(row, band, points, told, held), top)


def no_verdict(row: Row) -> Verdict:
    """Return the verdict on an account that is no customer now: in trial, gone, or never was one."""
    band = "new" if row["status"] in ("trialing", "incomplete") else "no data"
    return Verdict(None, band, 0, 100, say(f"health.{row['status']}", name=row["name"]), None)


def round_half_up(amount: float) -> int:
    """Round to a whole number, halves up; 62.499999999999993 is the float way to write 62.5."""
    return floor(round(amount, 9) + 0.5)


def _cap(row: Row, config: HealthConfig) -> _Cap:
    caps = [_NO_CAP]
    if is_ending(row):
        reason = say("signal.commitment.ending", date=row["last_end"])
        caps.append(_Cap(config.cap_cancellation, reason, "commitment"))
    if (row["days_past_due"] or 0) > config.cap_past_due_days:
        reason = say("signal.payments.past_due", n=int(row["days_past_due"]))
        caps.append(_Cap(config.cap_past_due, reason, "payments"))
    return min(caps, key=lambda cap: cap.points)


def _band(row: Row, points: int, coverage: int, config: HealthConfig) -> str:
    if row["days_as_customer"] is None or row["days_as_customer"] < config.new_days:
        return "new"
    if coverage < config.min_coverage:
        return "no data"
    if points >= config.green_from:
        return "green"
    return "yellow" if points >= config.yellow_from else "red"


def _told(lost: Sequence[float], reasons: Sequence[Message], held: _Cap | None) -> list[tuple[Message, int]]:
    """Return the heaviest reasons with their points, without the one that the cap already tells."""
    said = held.signal if held else None
    columns = [i for i, signal in enumerate(SIGNALS) if lost[i] >= _LEAST_TOLD and signal.id != said]
    columns.sort(key=lambda i: -lost[i])
    return [(reasons[i], round_half_up(lost[i])) for i in columns[:MOST_REASONS]]


def _new(row: Row, config: HealthConfig) -> Message:
    return say("health.new", name=row["name"], days=config.new_days)


def _sentence(
    row: Row, band: str, points: int, told: Sequence[tuple[Message, int]], held: _Cap | None
) -> Message:
    parts = [say("health.reason", reason=reason, points=lost) for reason, lost in told]
    if held:
        parts.insert(0, say("cap.held", cap=points, reason=held.reason))
    tail: Any = parts[-1] if parts else say("health.nothing")
    for part in reversed(parts[:-1]):
        tail = say("health.joined", first=part, rest=tail)
    return say("health.scored", name=row["name"], score=points, band=say(f"band.{band}"), reasons=tail)
