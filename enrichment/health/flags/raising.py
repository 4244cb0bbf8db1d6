"""Which flags are up: conditions over whole columns first, words only for the accounts that have one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from functools import partial
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from enrichment.health.columns import Columns
from enrichment.health.config import HealthConfig
from enrichment.health.flags.config import FlagConfig
from enrichment.health.flags.opportunities import OPPORTUNITIES
from enrichment.health.flags.risks import RISKS
from enrichment.health.flags.rule import (
    HIGH,
    RISK,
    SEVERITIES,
    Ground,
    OwnRule,
    Rule,
    Scene,
    Severities,
    graded,
)
from enrichment.health.scoring import CUSTOMERS
from enrichment.messages import LANGUAGES
from enrichment.tables import ACCOUNT_FLAGS

Places = npt.NDArray[np.intp]
Told = dict[str, list[str]]
"""Texts by language."""

RULES: Final = (*RISKS, *OPPORTUNITIES)
"""Every flag of ours, in the order in which it is shown."""


def raise_flags(
    facts: pd.DataFrame,
    health: pd.DataFrame,
    config: HealthConfig,
    rules: Sequence[OwnRule] = (),
    thresholds: FlagConfig | None = None,
) -> pd.DataFrame:
    """Return the flags that are up now, one row each, as in ``tables.ACCOUNT_FLAGS``.

    Opportunities are held back while a high risk is open: nobody sells to a customer on the way out.

    Args:
        facts: ``account_facts``; a column that is missing or a value that cannot be is not known, and what
            needs it finds nothing.
        health: account_id, health_score, health_band.
        config: the windows of the facts, and the thresholds that the score shares.
        rules: the user's own flags.
        thresholds: of the flags; None for the defaults.
    """
    tables = [
        rows.assign(**{f"evidence_{language}": texts for language, texts in one.tell(places).items()})
        for one, places, rows in _look(facts, health, config, rules, thresholds)
    ]
    return _together(tables, list(ACCOUNT_FLAGS))


def find_flags(
    facts: pd.DataFrame,
    health: pd.DataFrame,
    config: HealthConfig,
    rules: Sequence[OwnRule] = (),
    thresholds: FlagConfig | None = None,
) -> pd.DataFrame:
    """Return the same flags without their evidence, many times faster: account_id, flag, kind, severity.

    The arguments are those of :func:`raise_flags`.
    """
    tables = [rows for _, _, rows in _look(facts, health, config, rules, thresholds)]
    return _together(tables, ["account_id", "flag", "kind", "severity"])


class _Found(NamedTuple):
    """One flag of all accounts: its severity, and what tells the accounts at some places."""

    flag: str
    kind: str
    severity: Severities
    tell: Callable[[Places], Told]


def _look(
    facts: pd.DataFrame,
    health: pd.DataFrame,
    config: HealthConfig,
    rules: Sequence[OwnRule],
    thresholds: FlagConfig | None,
) -> Iterator[tuple[_Found, Places, pd.DataFrame]]:
    """Give each flag that is up anywhere, with the places of its accounts and a row for each."""
    customers = facts[facts["status"].isin(CUSTOMERS)].reset_index(drop=True)
    columns = Columns(_with_health(customers, health))
    scene = Scene(config, thresholds or FlagConfig(), _today(columns))
    found = [*(_ours(rule, columns, scene) for rule in RULES), *(_own(rule, columns) for rule in rules)]
    in_danger = np.zeros(len(columns), dtype=np.bool_)
    for one in found:
        in_danger |= (one.severity == HIGH) & (one.kind == RISK)
    for one in found:
        places = np.flatnonzero((one.severity > 0) & ((one.kind == RISK) | ~in_danger))
        if len(places):
            yield one, places, _rows(one, columns, places)


def _rows(found: _Found, columns: Columns, places: Places) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "account_id": columns.texts("account_id")[places],
            "flag": found.flag,
            "kind": found.kind,
            "severity": np.array(["", *SEVERITIES], dtype=object)[found.severity[places]],
            "place": places,
        }
    )


def _together(tables: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    """Return the rows account by account, each in the order of the flags."""
    if not tables:
        return pd.DataFrame(columns=columns, dtype=object)
    raised = pd.concat(tables, ignore_index=True)
    return raised.sort_values("place", kind="stable", ignore_index=True)[columns]


def _ours(rule: Rule, columns: Columns, scene: Scene) -> _Found:
    severities = np.array([ground.find(columns, scene) for ground in rule.grounds])
    tell = partial(_told, rule.grounds, severities, columns, scene)
    return _Found(rule.flag, rule.kind, severities.max(axis=0), tell)


def _own(rule: OwnRule, columns: Columns) -> _Found:
    severity = graded(**{rule.severity: rule.holds(columns)})
    return _Found(rule.flag, rule.kind, severity, partial(_told_by, rule, columns))


def _told(
    grounds: tuple[Ground, ...], severities: Severities, columns: Columns, scene: Scene, places: Places
) -> Told:
    """Return the evidence by language: of all grounds that hold, the gravest first."""
    told: Told = {language: [] for language in LANGUAGES}
    held = severities[:, places]
    ranked = np.argsort(-held, axis=0, kind="stable").T.tolist()
    for place, order, number in zip(places.tolist(), ranked, (held > 0).sum(axis=0).tolist(), strict=True):
        row = columns.row(place)
        said = [grounds[index].tell(row, scene) for index in order[:number]]
        for language, texts in told.items():
            texts.append(" ".join([message.text(language) for message in said]))
    return told


def _told_by(rule: OwnRule, columns: Columns, places: Places) -> Told:
    rows = [columns.row(place) for place in places.tolist()]
    return {language: [rule.text(row, language) for row in rows] for language in LANGUAGES}


def _with_health(customers: pd.DataFrame, health: pd.DataFrame) -> pd.DataFrame:
    scored = health.drop_duplicates("account_id").set_index("account_id")
    known = {name: customers["account_id"].map(scored[name]) for name in ("health_score", "health_band")}
    return customers.assign(**known)


def _today(columns: Columns) -> date | None:
    """Return the day that all facts describe; None when no row tells it."""
    days = columns.days("described_on")
    told = days[~np.isnat(days)]
    today: date | None = told[0].item() if len(told) else None
    return today
