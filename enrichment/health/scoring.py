"""The health score of every account: measures, weighs, judges, and keeps what each score was made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from enrichment.frames import records
from enrichment.health.config import HealthConfig
from enrichment.health.signals import COMPONENTS, SIGNALS, Numbers
from enrichment.health.verdicts import Verdict, Weights, judge, no_verdict
from enrichment.health.weighing import MEASURED, STATES, Weighed, weigh
from enrichment.messages import LANGUAGES, Message, say
from saaskpi.errors import UsageError

CUSTOMERS: Final = ("active", "past_due", "unpaid", "paused")
"""The statuses of accounts that are customers now and are scored."""
_ACCOUNT_COLUMNS: Final = (
    "account_id",
    "health_score",
    "health_band",
    "health_coverage",
    "health_reasons",
    "health_reasons_fr",
    "top_reason",
    "top_reason_fr",
    "cap",
    "score_before_caps",
    "points_lost",
    "points_assumed",
)
_MISSING: Final = [say("state.missing", signal=say(f"name.{signal.id}")) for signal in SIGNALS]
_ASSUMED: Final = [say("state.assumed", signal=say(f"name.{signal.id}")) for signal in SIGNALS]


@dataclass(frozen=True, slots=True)
class Health:
    """Scores and what they were made of.

    Attributes:
        accounts: one row per account: account_id, health_score (Int64), health_band, health_coverage (%),
            health_reasons, health_reasons_fr, top_reason, top_reason_fr, cap (100 when none),
            health_config_hash; of those who are scored also score_before_caps, points_lost and
            points_assumed, which add up to 100.
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
    is_customer = facts["status"].isin(CUSTOMERS)
    customers = facts[is_customer].reset_index(drop=True)
    rows = records(customers)
    fractions, values = _measure(customers, config)
    weighed = weigh(fractions, _maxima(config), [signal.component for signal in SIGNALS], config)
    reasons = _reasons(rows, weighed, config)
    judged = [
        _account(row["account_id"], judge(row, weights, said, config), weights)
        for row, weights, said in zip(rows, _weights(weighed), zip(*reasons, strict=True), strict=True)
    ]
    others = [_account(row["account_id"], no_verdict(row)) for row in records(facts[~is_customer])]
    accounts = pd.DataFrame(judged + others, columns=list(_ACCOUNT_COLUMNS))
    accounts["health_score"] = accounts["health_score"].astype("Int64")
    accounts["health_config_hash"] = config.hash
    return Health(accounts, _signal_table(customers, values, weighed, reasons), _sources(weighed, len(rows)))


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


def _reasons(rows: list[dict[str, Any]], weighed: Weighed, config: HealthConfig) -> list[list[Message]]:
    """Return (s, n) what to say of each signal of each account."""
    said = []
    for column, signal in enumerate(SIGNALS):
        if signal.component in weighed.dropped:
            said.append([_MISSING[column]] * len(rows))
            continue
        states = weighed.state[:, column].tolist()
        tell = signal.reason
        said.append(
            [
                tell(row, config) if tell is not None and state == MEASURED else _ASSUMED[column]
                for row, state in zip(rows, states, strict=True)
            ]
        )
    return said


def _weights(weighed: Weighed) -> list[Weights]:
    columns = (weighed.total, weighed.coverage, weighed.lost, weighed.withheld.sum(axis=1))
    return list(map(Weights, *(column.tolist() for column in columns)))


def _account(account_id: str, verdict: Verdict, weights: Weights | None = None) -> tuple[Any, ...]:
    return (
        account_id,
        verdict.score,
        verdict.band,
        verdict.coverage,
        *(verdict.sentence.text(language) for language in LANGUAGES),
        *(verdict.top_reason.text(language) if verdict.top_reason else None for language in LANGUAGES),
        verdict.cap,
        *((weights.total, sum(weights.lost), weights.withheld) if weights else (None, None, None)),
    )


def _signal_table(
    customers: pd.DataFrame, values: Numbers, weighed: Weighed, reasons: list[list[Message]]
) -> pd.DataFrame:
    accounts = len(customers)
    return pd.DataFrame(
        {
            "account_id": np.repeat(customers["account_id"].to_numpy(dtype=object), len(SIGNALS)),
            "component": [signal.component for signal in SIGNALS] * accounts,
            "signal": [signal.id for signal in SIGNALS] * accounts,
            "value": values.ravel(),
            "points": weighed.earned.ravel(),
            "max_points": np.tile(weighed.maxima, accounts),
            "state": np.array(STATES, dtype=object)[weighed.state.ravel()],
            **{f"reason_{language}": _texts(reasons, language) for language in LANGUAGES},
        }
    )


def _texts(reasons: list[list[Message]], language: str) -> list[str]:
    """Return the texts account by account; a column that says the same of all is written once."""
    columns = []
    for said in reasons:
        if said and said[0] is said[-1] and said[0] in _MISSING:
            columns.append([said[0].text(language)] * len(said))
        else:
            columns.append([message.text(language) for message in said])
    return [text for row in zip(*columns, strict=True) for text in row]


def _sources(weighed: Weighed, accounts: int) -> pd.DataFrame:
    rows = []
    for name in COMPONENTS:
        state = "dropped" if name in weighed.dropped else "used"
        note = say(f"source.{state}", component=say(f"component.{name}"))
        texts = [note.text(language) for language in LANGUAGES]
        rows.append((name, state, weighed.measured_accounts[name], accounts, *texts))
    columns = ["component", "state", "measured_accounts", "accounts", "note_en", "note_fr"]
    return pd.DataFrame(rows, columns=columns)
