"""From points to scores, bands and what is said of them."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from enrichment.frames import records
from enrichment.health.caps import CAPS, NO_CAP, lowest_caps
from enrichment.health.config import HealthConfig
from enrichment.health.reasons import Reasons
from enrichment.health.sentences import COLOURS, Account, Writer, no_score
from enrichment.health.signals import SIGNALS
from enrichment.health.signals.signal import Numbers, counts
from enrichment.health.weighing import Weighed
from enrichment.messages import LANGUAGES, Message

MOST_REASONS: Final = 3
_LEAST_TOLD: Final = 0.5
_COLUMN: Final = {signal.id: column for column, signal in enumerate(SIGNALS)}
_SUFFIXES: Final = dict(zip(LANGUAGES, ("", "_fr"), strict=True))
Whole = npt.NDArray[np.int64]


def judge(facts: pd.DataFrame, weighed: Weighed, reasons: Reasons, config: HealthConfig) -> pd.DataFrame:
    """Return the verdict on customers, one row each in the order of ``facts``.

    Args:
        facts: of the customers.
        weighed: their points.
        reasons: what to say of each signal.
        config: thresholds.

    Returns:
        health_score, health_band, health_coverage, health_reasons, top_reason (the last two also with the
        ending ``_fr``), cap, score_before_caps, points_lost, points_assumed.
    """
    total = weighed.total
    cap, place = lowest_caps(facts, config)
    place = np.where(total > cap, place, -1)
    score = round_half_up(np.minimum(total, cap))
    coverage = np.floor(100 * weighed.coverage + 1e-9).astype(np.int64)
    band = _bands(facts, score, weighed.coverage, config)
    told = _told(weighed.lost, reasons, place)
    withheld = weighed.withheld.sum(axis=1)
    columns = (facts["name"].tolist(), band.tolist(), score.tolist(), coverage.tolist(), _held(facts, place))
    accounts = [Account(*parts) for parts in zip(*columns, told, _assumed(withheld, told), strict=True)]
    found: dict[str, Any] = {
        "health_score": pd.Series(score).where(np.isin(band, COLOURS)).astype("Int64"),
        "health_band": band,
        "health_coverage": coverage,
        "cap": cap,
        "score_before_caps": total,
        "points_lost": weighed.lost.sum(axis=1),
        "points_assumed": withheld,
    }
    for language, suffix in _SUFFIXES.items():
        writer = Writer(language, reasons, config)
        found[f"health_reasons{suffix}"] = [writer.sentence(account) for account in accounts]
        found[f"top_reason{suffix}"] = [writer.top(account) for account in accounts]
    return pd.DataFrame(found)


def round_half_up(amounts: Numbers) -> Whole:
    """Round to whole numbers, halves up; 62.499999999999993 is the float way to write 62.5."""
    return np.floor(np.round(amounts, 9) + 0.5).astype(np.int64)


def _bands(
    facts: pd.DataFrame, score: Whole, coverage: Numbers, config: HealthConfig
) -> npt.NDArray[np.object_]:
    is_old_enough = counts(facts, "days_as_customer") >= config.new_days
    # Where nothing at all is measured there is nothing to judge, however little coverage is asked for.
    is_unknown = (np.floor(100 * coverage + 1e-9) < config.min_coverage) | (coverage <= 0)
    cases = [~is_old_enough, is_unknown, score >= config.green_from, score >= config.yellow_from]
    return np.select(cases, ["new", "no data", "green", "yellow"], "red").astype(object)


def _held(facts: pd.DataFrame, place: Whole) -> list[Message | None]:
    """Return why the cap holds each account down, None where none does."""
    found: list[Message | None] = [None] * len(facts)
    here = np.flatnonzero(place >= 0)
    rows = records(facts.iloc[here][["last_end", "days_past_due", "days_idle"]])
    for number, row in zip(here.tolist(), rows, strict=True):
        found[number] = CAPS[place[number]].reason(row)
    return found


def _told(lost: Numbers, reasons: Reasons, place: Whole) -> list[list[tuple[int, int]]]:
    """Return the heaviest reasons with their points, without the one that the cap already tells."""
    weight = lost.copy()
    for number, cap in enumerate(CAPS):
        weight[place == number, _COLUMN[cap.signal]] = 0.0
    columns = np.argsort(-weight, axis=1, kind="stable")[:, :MOST_REASONS]
    heaviest = np.take_along_axis(weight, columns, axis=1)
    codes = np.take_along_axis(reasons.codes, columns, axis=1).tolist()
    points, many = round_half_up(heaviest).tolist(), (heaviest >= _LEAST_TOLD).sum(axis=1).tolist()
    return [list(zip(code, lost, strict=True))[:n] for code, lost, n in zip(codes, points, many, strict=True)]


def _assumed(withheld: Numbers, told: list[list[tuple[int, int]]]) -> list[int]:
    """Return the points held back for what is not measured, where there is room to tell them."""
    points = np.where(withheld >= _LEAST_TOLD, round_half_up(withheld), 0).tolist()
    return [n if len(reasons) < MOST_REASONS else 0 for n, reasons in zip(points, told, strict=True)]


def no_verdict(row: dict[str, Any]) -> dict[str, Any]:
    """Return the verdict on an account that is no customer now, from its account_id, name and status."""
    said = no_score(row["name"], row["status"])
    return {
        "account_id": row["account_id"],
        "name": row["name"],
        "health_band": "new" if row["status"] in ("trialing", "incomplete") else "no data",
        "health_coverage": 0,
        **{f"health_reasons{suffix}": said.text(language) for language, suffix in _SUFFIXES.items()},
        "cap": NO_CAP,
    }
