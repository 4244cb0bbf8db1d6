"""The health score of every account: measures, weighs, judges, and keeps what each score was made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from enrichment.facts.catalogue import PARTS
from enrichment.frames import records
from enrichment.health.config import HealthConfig
from enrichment.health.profiles import profile_of
from enrichment.health.reasons import Codes, Reasons, reasons_of
from enrichment.health.signals import COMPONENTS, SIGNALS, Measured, Numbers
from enrichment.health.verdicts import judge, no_verdict
from enrichment.health.weighing import STATES, Weighed, weigh
from enrichment.messages import LANGUAGES, say
from saaskpi.errors import UsageError

CUSTOMERS: Final = ("active", "past_due", "unpaid", "paused")
"""The statuses of accounts that are customers now and are scored."""
_READ: Final = pd.Index(["plan", *(name for part in PARTS.values() for name in part)])
ACCOUNT_COLUMNS: Final = (
    "account_id",
    "name",
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
    "profile",
    "health_config_hash",
)


@dataclass(frozen=True, slots=True)
class Health:
    """Scores and what they were made of.

    Attributes:
        accounts: one row per account, in the order of the facts: account_id, name, health_score (Int64, null
            where the band is no colour), health_band, health_coverage (%), health_reasons,
            health_reasons_fr, top_reason, top_reason_fr, cap (100 when none), profile (null for the settings
            of everybody), health_config_hash; of customers, new ones too, also score_before_caps,
            points_lost and points_assumed, which add up to 100.
        signals: one row per customer and signal, as in ``tables.HEALTH_SIGNALS``.
        sources: one row per component, as in ``tables.HEALTH_SOURCES``; profiles do not change it.
    """

    accounts: pd.DataFrame
    signals: pd.DataFrame
    sources: pd.DataFrame


@dataclass(frozen=True, slots=True)
class _Scored:
    """The customers under one set of settings: which they are, and what was found of them."""

    rows: Codes
    hash: str
    accounts: pd.DataFrame
    values: Numbers
    weighed: Weighed
    reasons: Reasons


def score(
    facts: pd.DataFrame,
    config: HealthConfig,
    segments: pd.DataFrame | None = None,
    others: pd.DataFrame | None = None,
) -> Health:
    """Score every account of ``account_facts``.

    Ranks, medians and which sources there are at all are those of all customers, whatever the profile.

    Args:
        facts: one row per account; must hold only what was known at the instant. The plan and the columns
            of ``catalogue.PARTS`` may be absent: they count as not known.
        config: weights and thresholds.
        segments: account_id, segment, segment_value; needed when the configuration has profiles.
        others: facts of further accounts, which are ranked among but get no score.

    Raises:
        UsageError: points are given to a signal that does not exist, or a profile's segment is not declared.
    """
    facts = facts.reset_index(drop=True).assign(**dict.fromkeys(_READ.difference(facts.columns)))
    is_customer = facts["status"].isin(CUSTOMERS)
    customers = facts[is_customer].reset_index(drop=True)
    everybody = customers if others is None else _with_others(customers, others)
    parts = _parts(customers, everybody, config, segments)
    for part in parts:
        part.accounts.index = pd.Index(np.flatnonzero(is_customer)[part.rows])
    others = pd.DataFrame(
        [no_verdict(row) for row in records(facts.loc[~is_customer, ["status", "account_id", "name"]])],
        columns=list(ACCOUNT_COLUMNS),
        index=np.flatnonzero(~is_customer),
    ).assign(health_config_hash=config.of(None).hash)
    accounts = pd.concat([*(part.accounts for part in parts), others]).sort_index()[list(ACCOUNT_COLUMNS)]
    accounts["health_score"] = accounts["health_score"].astype("Int64")
    accounts["profile"] = accounts["profile"].astype(object).where(accounts["profile"].notna(), None)
    signals = _signal_table(customers["account_id"], parts)
    return Health(accounts, signals, _sources(parts[0].weighed, len(everybody), maxima(config)))


def _with_others(customers: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    """Return the customers, then those among the others, with the columns of the former."""
    further = others[others["status"].isin(CUSTOMERS)].reindex(columns=customers.columns)
    return pd.concat([customers, further], ignore_index=True) if len(further) else customers


def _parts(
    customers: pd.DataFrame, everybody: pd.DataFrame, config: HealthConfig, segments: pd.DataFrame | None
) -> list[_Scored]:
    for name in config.profiles:
        maxima(config.of(name))
    profiles = profile_of(customers["account_id"], config, segments)
    names = [None, *(name for name in config.profiles if (profiles == name).any())]
    return [
        _scored(everybody, np.flatnonzero(profiles == (name or "")), config.of(name), name) for name in names
    ]


def _scored(customers: pd.DataFrame, rows: Codes, config: HealthConfig, profile: str | None) -> _Scored:
    """Score some of the customers; ranks, medians and dropped sources are those of all."""
    points = maxima(config)
    measured = measure(customers, config)
    weighed = _weighed(measured, config).of(rows)
    reasons = reasons_of(measured, weighed, points, config, rows)
    members = customers.iloc[rows].reset_index(drop=True)
    own = {"account_id": members["account_id"], "name": members["name"], "profile": profile}
    verdicts = judge(members, weighed, reasons, config).assign(**own, health_config_hash=config.hash)
    values = np.column_stack([found.value[rows] for found in measured])
    return _Scored(rows, config.hash, verdicts, values, weighed, reasons)


def maxima(config: HealthConfig) -> list[float]:
    """Return the points of each signal, before rescaling.

    Raises:
        UsageError: ``config.points`` names a signal that does not exist.
    """
    unknown = set(config.points) - {signal.id for signal in SIGNALS}
    if unknown:
        names = ", ".join(signal.id for signal in SIGNALS)
        raise UsageError(
            f"health.points names no signal: {', '.join(sorted(unknown))}.", hint=f"Signals: {names}."
        )
    return [config.points.get(signal.id, signal.points) for signal in SIGNALS]


def measure(customers: pd.DataFrame, config: HealthConfig) -> list[Measured]:
    """Return what each signal finds; nothing but finite numbers counts as found."""
    # Hostile amounts overflow; what comes of them is not finite, and so not measured.
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return [_finite(signal.measure(customers, config)) for signal in SIGNALS]


def _finite(found: Measured) -> Measured:
    is_known = np.isfinite(found.fraction) & ~np.isinf(found.value)
    fraction = np.where(is_known, found.fraction, np.nan)
    return found._replace(fraction=fraction, value=np.where(is_known, found.value, np.nan))


def _weighed(measured: Sequence[Measured], config: HealthConfig) -> Weighed:
    fractions = np.column_stack([found.fraction for found in measured])
    return weigh(fractions, maxima(config), [signal.component for signal in SIGNALS], config)


def _signal_table(account_ids: pd.Series[str], parts: Sequence[_Scored]) -> pd.DataFrame:
    """Return one row per customer and signal; texts that many share are written once (categories)."""
    shape = (len(account_ids), len(SIGNALS))
    value, points, most = np.empty(shape), np.empty(shape), np.empty(shape)
    state, code = np.empty(shape, dtype=np.int8), np.empty(shape, dtype=np.intp)
    texts: dict[str, list[str]] = {language: [] for language in LANGUAGES}
    settings = np.empty(len(account_ids), dtype=np.intp)
    for number, part in enumerate(parts):
        settings[part.rows] = number
        value[part.rows], points[part.rows] = part.values, part.weighed.earned
        most[part.rows], state[part.rows] = part.weighed.maxima, part.weighed.state
        code[part.rows] = part.reasons.codes + len(texts["en"])
        for language in LANGUAGES:
            texts[language] += part.reasons.texts[language]
    place = np.tile(np.arange(len(SIGNALS)), len(account_ids))
    return pd.DataFrame(
        {
            "account_id": np.repeat(account_ids.to_numpy(dtype=object), len(SIGNALS)),
            "component": _shared([signal.component for signal in SIGNALS], place),
            "signal": _shared([signal.id for signal in SIGNALS], place),
            "value": value.ravel(),
            "points": points.ravel(),
            "max_points": most.ravel(),
            "state": _shared(STATES, state.ravel()),
            **{f"reason_{language}": _shared(texts[language], code.ravel()) for language in LANGUAGES},
            "health_config_hash": _shared([part.hash for part in parts], np.repeat(settings, len(SIGNALS))),
        }
    )


def _shared(texts: Sequence[str], codes: npt.NDArray[np.signedinteger[Any]]) -> pd.Categorical[str]:
    """Return the text that each code stands for; two codes may stand for the same."""
    number = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    numbers = np.array([number[text] for text in texts], dtype=np.int32)
    return pd.Categorical.from_codes(numbers[codes], categories=pd.Index(list(number)))


def _sources(weighed: Weighed, accounts: int, points: Sequence[float]) -> pd.DataFrame:
    """Return which components count for the accounts without a profile."""
    weights = dict.fromkeys(COMPONENTS, 0.0)
    for signal, most in zip(SIGNALS, points, strict=True):
        weights[signal.component] += most
    rows = []
    for name in COMPONENTS:
        state = "dropped" if name in weighed.dropped else "used"
        measured = weighed.measured_accounts[name]
        key = "few" if state == "dropped" and measured else state
        key = key if weights[name] else "unweighted"
        note = say(f"source.{key}", component=say(f"component.{name}"), n=measured, accounts=accounts)
        rows.append((name, state, measured, accounts, *(note.text(language) for language in LANGUAGES)))
    columns = ["component", "state", "measured_accounts", "accounts", "note_en", "note_fr"]
    return pd.DataFrame(rows, columns=columns)
