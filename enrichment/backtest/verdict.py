"""What the figures allow to say: the one sentence that a backtest is read for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from enrichment.backtest.statistics import Auc
from enrichment.backtest.words import Figure, Percent
from enrichment.messages import Message, say

LEAST_EVENTS: Final = 10
ENOUGH_EVENTS: Final = 30
_WORKS_ABOVE: Final = 0.55
_CHANCE: Final = 0.5

NOT_ENOUGH: Final = "not_enough_history"
INDICATIVE: Final = "indicative"
WORKS: Final = "works"
NO_BETTER: Final = "no_better_than_chance"
INVERTED: Final = "inverted"
WEAK: Final = "weak"
VERDICTS: Final = (NOT_ENOUGH, INDICATIVE, WORKS, NO_BETTER, INVERTED, WEAK)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the score foretells churn on this data.

    Attributes:
        key: one of ``VERDICTS``.
        title: it in a few words.
        sentence: what it rests on and what follows from it, in plain words.
    """

    key: str
    title: Message
    sentence: Message


class Share(NamedTuple):
    """How many snapshots of how many are of an account that left."""

    churned: int
    rows: int


def give_verdict(auc: Auc, events: int, red: Share, green: Share) -> Verdict:
    """Return the verdict.

    Fewer than 10 churns: not enough history; fewer than 30: indicative. From then on: the whole interval of
    the AUC above .55 and more churn among red than among green accounts: works; the interval holds .5: no
    better than chance; it lies below .5: inverted; else weak.

    Args:
        auc: of the score, over the whole population.
        events: how many times an account left.
        red: the red snapshots.
        green: the green ones.
    """
    if events < LEAST_EVENTS or auc.value is None or auc.interval is None:
        return _verdict(NOT_ENOUGH, NOT_ENOUGH, n=events, least=LEAST_EVENTS)
    low, high = auc.interval
    words = {"n": events, "pairs": Figure(100 * auc.value, 0), "auc": Figure(auc.value)}
    words |= {"low": Figure(low), "high": Figure(high)}
    if events < ENOUGH_EVENTS:
        return _verdict(INDICATIVE, INDICATIVE, enough=ENOUGH_EVENTS, **words)
    if low > _WORKS_ABOVE:
        if not (red.rows and green.rows):
            return _verdict(WEAK, f"{WEAK}.no_bands", **words)
        for name, share in (("red", red), ("green", green)):
            words |= {name: Percent(share.churned / share.rows), f"{name}_left": share.churned}
            words |= {f"{name}_rows": share.rows}
        # Whole numbers, so that equal rates are equal however a float is written.
        if red.churned * green.rows > green.churned * red.rows:
            return _verdict(WORKS, WORKS, **words)
        return _verdict(WEAK, f"{WEAK}.bands", **words)
    if low <= _CHANCE <= high:
        return _verdict(NO_BETTER, NO_BETTER, **words)
    return _verdict(INVERTED, INVERTED, **words) if high < _CHANCE else _verdict(WEAK, f"{WEAK}.auc", **words)


def _verdict(key: str, sentence: str, **words: object) -> Verdict:
    return Verdict(key, say(f"backtest.title.{key}"), say(f"backtest.verdict.{sentence}", **words))
