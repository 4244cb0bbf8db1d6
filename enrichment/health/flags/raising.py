"""Which flags are up: conditions over whole columns first, words only for the accounts that have one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from functools import partial
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from enrichment.health.columns import Columns, Mask
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
    customers = facts[facts["status"].isin(CUSTOMERS)].reset_index(drop=True)
    columns = Columns(_with_health(customers, health))
    scene = Scene(config, thresholds or FlagConfig(), _today(customers))
    found = [*(_ours(rule, columns, scene) for rule in RULES), *(_own(rule, columns) for rule in rules)]
    in_danger = np.zeros(len(columns), dtype=np.bool_)
    for one in found:
        in_danger |= (one.severity == HIGH) & (one.kind == RISK)
    frames = [_table(one, columns, in_danger) for one in found if one.severity.any()]
    if not frames:
        return pd.DataFrame(columns=list(ACCOUNT_FLAGS), dtype=object)
    raised = pd.concat(frames, ignore_index=True).sort_values("place", kind="stable", ignore_index=True)
    return raised[list(ACCOUNT_FLAGS)]


class _Found(NamedTuple):
    """One flag of all accounts: its severity, and what tells the accounts at some places."""

    flag: str
    kind: str
    severity: Severities
    tell: Callable[[Places], Iterator[tuple[str, ...]]]


def _ours(rule: Rule, columns: Columns, scene: Scene) -> _Found:
    severities = np.array([ground.find(columns, scene) for ground in rule.grounds])
    tell = partial(_told, rule.grounds, severities, columns, scene)
    return _Found(rule.flag, rule.kind, severities.max(axis=0), tell)


def _own(rule: OwnRule, columns: Columns) -> _Found:
    severity = graded(**{rule.severity: rule.holds(columns)})
    return _Found(rule.flag, rule.kind, severity, partial(_told_by, rule, columns))


def _told(
    grounds: tuple[Ground, ...], severities: Severities, columns: Columns, scene: Scene, places: Places
) -> Iterator[tuple[str, ...]]:
    """Give the evidence in every language: of all grounds that hold, the gravest first."""
    held = severities[:, places]
    ranked = np.argsort(-held, axis=0, kind="stable").T.tolist()
    for place, order, number in zip(places.tolist(), ranked, (held > 0).sum(axis=0).tolist(), strict=True):
        row = columns.row(place)
        said = [grounds[index].tell(row, scene) for index in order[:number]]
        yield tuple([" ".join([message.text(language) for message in said]) for language in LANGUAGES])


def _told_by(rule: OwnRule, columns: Columns, places: Places) -> Iterator[tuple[str, ...]]:
    for place in places.tolist():
        yield tuple(rule.text(columns.row(place), language) for language in LANGUAGES)


def _with_health(customers: pd.DataFrame, health: pd.DataFrame) -> pd.DataFrame:
    scored = health.drop_duplicates("account_id").set_index("account_id")
    known = {name: customers["account_id"].map(scored[name]) for name in ("health_score", "health_band")}
    return customers.assign(**known)


def _today(customers: pd.DataFrame) -> date | None:
    """Return the day that all facts describe: a day in the past and the days since then tell it."""
    if customers.empty:
        return None
    columns = Columns(customers)
    ages = columns.numbers("days_as_customer")
    known = ~np.isnan(ages) & columns.known("customer_since") & (ages < 1e5)
    if not known.any():
        return None
    days, counts = np.unique(
        columns.days("customer_since")[known] + ages[known].astype("timedelta64[D]"), return_counts=True
    )
    today: date = days[counts.argmax()].item()
    return today


def _table(found: _Found, columns: Columns, in_danger: Mask) -> pd.DataFrame:
    """Return the rows of one flag, with the account's place."""
    up = found.severity > 0
    places = np.flatnonzero(up if found.kind == RISK else up & ~in_danger)
    accounts = columns.plain("account_id")
    texts = list(zip(*found.tell(places), strict=True)) or [(), ()]
    return pd.DataFrame(
        {
            "account_id": pd.Series([accounts[place] for place in places], dtype=object),
            "flag": found.flag,
            "kind": found.kind,
            "severity": np.array(["", *SEVERITIES], dtype=object)[found.severity[places]],
            **{f"evidence_{one}": text for one, text in zip(LANGUAGES, texts, strict=True)},
            "place": places,
        }
    )
