"""Which flags are up: conditions over whole columns first, words only for the accounts that have one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from enrichment.health.columns import Columns, Mask
from enrichment.health.config import HealthConfig
from enrichment.health.flags.config import FlagConfig
from enrichment.health.flags.opportunities import OPPORTUNITIES
from enrichment.health.flags.risks import RISKS
from enrichment.health.flags.rule import HIGH, RISK, SEVERITIES, OwnRule, Rule, Scene, Severities, graded
from enrichment.health.scoring import CUSTOMERS
from enrichment.messages import LANGUAGES
from enrichment.tables import ACCOUNT_FLAGS

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
    frames = [_table(one, columns, scene, in_danger) for one in found]
    raised = pd.concat(frames, ignore_index=True).sort_values("place", kind="stable", ignore_index=True)
    return raised[list(ACCOUNT_FLAGS)]


class _Found(NamedTuple):
    """One flag of all accounts: its severity, and whose words tell it."""

    flag: str
    kind: str
    severity: Severities
    ground_severities: list[Severities]
    source: Rule | OwnRule


def _ours(rule: Rule, columns: Columns, scene: Scene) -> _Found:
    grounds = [ground.find(columns, scene) for ground in rule.grounds]
    return _Found(rule.flag, rule.kind, np.maximum.reduce(grounds), grounds, rule)


def _own(rule: OwnRule, columns: Columns) -> _Found:
    return _Found(rule.flag, rule.kind, graded(**{rule.severity: rule.holds(columns)}), [], rule)


def _with_health(customers: pd.DataFrame, health: pd.DataFrame) -> pd.DataFrame:
    scored = health.drop_duplicates("account_id")[["account_id", "health_score", "health_band"]]
    beside = customers[["account_id"]].merge(scored, on="account_id", how="left")
    return customers.assign(health_score=beside["health_score"], health_band=beside["health_band"])


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


def _table(found: _Found, columns: Columns, scene: Scene, in_danger: Mask) -> pd.DataFrame:
    """Return the rows of one flag, with the account's place."""
    up = found.severity > 0
    places = np.flatnonzero(up if found.kind == RISK else up & ~in_danger)
    accounts = columns.plain("account_id")
    texts = list(zip(*_texts(found, columns, scene, places), strict=True)) or [(), ()]
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


def _texts(
    found: _Found, columns: Columns, scene: Scene, places: npt.NDArray[np.intp]
) -> Iterator[tuple[str, ...]]:
    """Give the evidence of each account in every language: of all grounds that hold, the gravest first."""
    source = found.source
    if not isinstance(source, Rule):
        for place in places.tolist():
            yield tuple(source.text(columns.row(place), language) for language in LANGUAGES)
        return
    held = [severity[places].tolist() for severity in found.ground_severities]
    for number, place in enumerate(places.tolist()):
        row = columns.row(place)
        grounds = sorted(
            (-severities[number], index) for index, severities in enumerate(held) if severities[number]
        )
        told = [source.grounds[index].tell(row, scene) for _, index in grounds]
        yield tuple(" ".join(message.text(language) for message in told) for language in LANGUAGES)
