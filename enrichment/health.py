"""The health score of every account: points, caps, band, and the sentence that explains them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from enrichment.config import HealthConfig
from enrichment.messages import LANGUAGES, Message, say
from enrichment.signals import COMPONENTS, SIGNALS, Numbers, Row, is_ending
from enrichment.weighing import MEASURED, MISSING, STATES, Weighed, weigh
from saaskpi.errors import UsageError

CUSTOMERS: Final = ("active", "past_due", "unpaid", "paused")
"""The statuses of accounts that are customers now and are scored."""
MOST_REASONS: Final = 3
_LEAST_TOLD: Final = 0.5


@dataclass(frozen=True, slots=True)
class Health:
    """Scores and what they were made of.

    Attributes:
        accounts: one row per account: account_id, health_score (Int64), health_band, health_coverage (%),
            health_reasons, health_reasons_fr, top_reason, score_before_caps, points_lost, points_assumed,
            cap (points, 100 when none), health_config_hash.
        signals: one row per scored account and signal, as in ``tables.HEALTH_SIGNALS``.
        sources: one row per component, as in ``tables.HEALTH_SOURCES``.
    """

    accounts: pd.DataFrame
    signals: pd.DataFrame
    sources: pd.DataFrame


def score(facts: pd.DataFrame, config: HealthConfig) -> Health:
    """Score every account of ``account_facts``.

    Args:
        facts: one row per account; must hold only what was known at the instant.
        config: weights and thresholds.

    Raises:
        UsageError: ``config.points`` names a signal that does not exist.
    """
    customers = facts[facts["status"].isin(CUSTOMERS)].reset_index(drop=True)
    rows = records(customers)
    fractions, values = _measure(customers, config)
    weighed = weigh(fractions, _maxima(config), [signal.component for signal in SIGNALS], config)
    reasons = [_reasons(row, known, config) for row, known in zip(rows, weighed.state.tolist(), strict=True)]
    scored = [_scored(row, place, weighed, reasons[place], config) for place, row in enumerate(rows)]
    others = [_unscored(row) for row in records(facts[~facts["status"].isin(CUSTOMERS)])]
    accounts = pd.DataFrame(scored + others, columns=list(_ACCOUNT_COLUMNS))
    accounts["health_score"] = accounts["health_score"].astype("Int64")
    accounts["health_config_hash"] = config.hash
    return Health(accounts, _signal_table(customers, values, weighed, reasons), _sources(weighed, len(rows)))


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows as dicts of plain Python values, None where null."""
    columns = {name: _plain(frame[name]) for name in frame.columns}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


_ACCOUNT_COLUMNS: Final = (
    "account_id",
    "health_score",
    "health_band",
    "health_coverage",
    "health_reasons",
    "health_reasons_fr",
    "top_reason",
    "score_before_caps",
    "points_lost",
    "points_assumed",
    "cap",
)


def _plain(column: pd.Series[Any]) -> list[Any]:
    if isinstance(column.dtype, np.dtype) and column.dtype.kind == "M":
        return [None if value is pd.NaT else value.date() for value in column]
    objects = column.astype(object)
    return objects.where(column.notna(), None).tolist()


def _maxima(config: HealthConfig) -> list[float]:
    unknown = set(config.points) - {signal.id for signal in SIGNALS}
    if unknown:
        names = ", ".join(signal.id for signal in SIGNALS)
        raise UsageError(
            f"health.points names no signal: {', '.join(sorted(unknown))}.", hint=f"Signals: {names}."
        )
    return [config.points.get(signal.id, signal.points) for signal in SIGNALS]


def _measure(customers: pd.DataFrame, config: HealthConfig) -> tuple[Numbers, Numbers]:
    """Return (n, s) fractions and (n, s) values, NaN where not measured."""
    fractions = np.full((len(customers), len(SIGNALS)), np.nan)
    values = fractions.copy()
    for column, signal in enumerate(SIGNALS):
        if signal.measure is not None:
            values[:, column], fractions[:, column] = signal.measure(customers, config)
    return fractions, values


def _reasons(row: Row, states: list[int], config: HealthConfig) -> list[Message]:
    """Return what to say of each signal of one account."""
    said = []
    for signal, state in zip(SIGNALS, states, strict=True):
        if state == MEASURED and signal.reason is not None:
            said.append(signal.reason(row, config))
        else:
            said.append(
                say("state.missing" if state == MISSING else "state.assumed", signal=say(f"name.{signal.id}"))
            )
    return said


def _scored(
    row: Row, place: int, weighed: Weighed, reasons: list[Message], config: HealthConfig
) -> tuple[Any, ...]:
    total = float(weighed.total[place])
    cap = _cap(row, config)
    coverage = int(100 * weighed.coverage[place] + 1e-9)
    points = _round_half_up(min(total, cap.points))
    band = _band(row, points, coverage, config)
    held = cap if total > cap.points else None
    told = _told(weighed.lost[place].tolist(), reasons, held)
    sentence = _sentence(row, band, points, coverage, told, held, config)
    top = held.reason if held else told[0][0] if told else None
    has_score = band in ("green", "yellow", "red")
    return (
        row["account_id"],
        points if has_score else None,
        band,
        coverage,
        *(sentence.text(language) for language in LANGUAGES),
        top.text("en") if top and has_score else None,
        total,
        float(weighed.lost[place].sum()),
        float(weighed.withheld[place].sum()),
        cap.points,
    )


def _unscored(row: Row) -> tuple[Any, ...]:
    """Return the row of an account that is no customer now: in trial, gone, or never was one."""
    band = "new" if row["status"] == "trialing" else "no data"
    sentence = say(f"health.{row['status']}", name=row["name"])
    texts = (sentence.text(language) for language in LANGUAGES)
    return (row["account_id"], None, band, 0, *texts, None, None, None, None, 100)


class _Cap(NamedTuple):
    """The highest score that a fact allows, why, and the signal that the reason makes needless to tell."""

    points: int
    reason: Message
    signal: str


_NO_CAP: Final = _Cap(100, say("health.nothing"), "")


def _cap(row: Row, config: HealthConfig) -> _Cap:
    caps = [_NO_CAP]
    if is_ending(row):
        reason = say("cap.cancellation", date=row["last_end"])
        caps.append(_Cap(config.cap_cancellation, reason, "commitment"))
    if (row["days_past_due"] or 0) > config.cap_past_due_days:
        caps.append(_Cap(config.cap_past_due, say("cap.past_due", n=int(row["days_past_due"])), "payments"))
    return min(caps, key=lambda cap: cap.points)


def _told(lost: list[float], reasons: list[Message], held: _Cap | None) -> list[tuple[Message, int]]:
    """Return the heaviest reasons with their points, without the one that the cap already tells."""
    said = held.signal if held else None
    columns = [i for i, signal in enumerate(SIGNALS) if lost[i] >= _LEAST_TOLD and signal.id != said]
    columns.sort(key=lambda i: -lost[i])
    return [(reasons[i], _round_half_up(lost[i])) for i in columns[:MOST_REASONS]]


def _band(row: Row, points: int, coverage: int, config: HealthConfig) -> str:
    if row["days_as_customer"] is None or row["days_as_customer"] < config.new_days:
        return "new"
    if coverage < config.min_coverage:
        return "no data"
    if points >= config.green_from:
        return "green"
    return "yellow" if points >= config.yellow_from else "red"


def _sentence(
    row: Row,
    band: str,
    points: int,
    coverage: int,
    told: list[tuple[Message, int]],
    held: _Cap | None,
    config: HealthConfig,
) -> Message:
    name = row["name"]
    if band == "new":
        return say("health.new", name=name, days=config.new_days)
    if band == "no data":
        return say("health.no_data", name=name, coverage=coverage)
    parts = [say("health.reason", reason=reason, points=lost) for reason, lost in told]
    if held:
        parts.insert(0, say("cap.held", cap=points, reason=held.reason))
    tail: Message = parts[-1] if parts else say("health.nothing")
    for part in reversed(parts[:-1]):
        tail = say("health.joined", first=part, rest=tail)
    return say("health.scored", name=name, score=points, band=say(f"band.{band}"), reasons=tail)


def _signal_table(
    customers: pd.DataFrame, values: Numbers, weighed: Weighed, reasons: list[list[Message]]
) -> pd.DataFrame:
    accounts, signals = len(customers), len(SIGNALS)
    return pd.DataFrame(
        {
            "account_id": np.repeat(customers["account_id"].to_numpy(dtype=object), signals),
            "component": [signal.component for signal in SIGNALS] * accounts,
            "signal": [signal.id for signal in SIGNALS] * accounts,
            "value": values.ravel(),
            "points": weighed.earned.ravel(),
            "max_points": np.tile(weighed.maxima, accounts),
            "state": np.array(STATES, dtype=object)[weighed.state.ravel()],
            "reason_en": [message.text("en") for row in reasons for message in row],
            "reason_fr": [message.text("fr") for row in reasons for message in row],
        }
    )


def _sources(weighed: Weighed, accounts: int) -> pd.DataFrame:
    rows = []
    for name in COMPONENTS:
        dropped = name in weighed.dropped
        note = say("source.dropped" if dropped else "source.used", component=say(f"component.{name}"))
        texts = [note.text(language) for language in LANGUAGES]
        rows.append(
            (name, "dropped" if dropped else "used", weighed.measured_accounts[name], accounts, *texts)
        )
    columns = ["component", "state", "measured_accounts", "accounts", "note_en", "note_fr"]
    return pd.DataFrame(rows, columns=columns)


def _round_half_up(amount: float) -> int:
    # Rounded to nine decimals first: 62.499999999999993 is the float way to write 62.5.
    return int(np.floor(round(amount, 9) + 0.5))
