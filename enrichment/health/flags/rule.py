"""What a flag is made of: grounds, each with its severity for every account and its evidence in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from enrichment.health.columns import Columns, Days, Mask, Row
from enrichment.health.config import HealthConfig
from enrichment.health.flags.config import FlagConfig
from enrichment.messages import Message

RISK: Final = "risk"
OPPORTUNITY: Final = "opportunity"
KINDS: Final = (RISK, OPPORTUNITY)
SEVERITIES: Final = ("low", "medium", "high")
"""From the lightest to the gravest; a rule counts them from 1, and 0 means that nothing is found."""
HIGH: Final = 3
Severities = npt.NDArray[np.int8]


class Scene(NamedTuple):
    """What a rule may look at beside the one account.

    Attributes:
        health: thresholds and windows that the score shares.
        flags: thresholds of the flags alone.
        today: the day that the facts describe; None where no account tells it.
    """

    health: HealthConfig
    flags: FlagConfig
    today: date | None

    def today_as(self) -> Days:
        """Return the day for comparisons with columns of days; NaT where it is not known."""
        return np.array(self.today or "NaT", dtype="datetime64[D]")


@dataclass(frozen=True, slots=True)
class Ground:
    """One reason for a flag.

    Attributes:
        find: severity of every account, 0 where there is no such reason.
        tell: the evidence of one account that has it.
    """

    find: Callable[[Columns, Scene], Severities]
    tell: Callable[[Row, Scene], Message]


@dataclass(frozen=True, slots=True)
class Rule:
    """One flag: as severe as its gravest ground, with the evidence of all that hold."""

    flag: str
    kind: str
    grounds: tuple[Ground, ...]


class OwnRule(Protocol):
    """A flag that the user declared; see :mod:`enrichment.health.rules`."""

    @property
    def flag(self) -> str: ...  # noqa: D102
    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def severity(self) -> str: ...  # noqa: D102
    def holds(self, columns: Columns) -> Mask: ...  # noqa: D102
    def text(self, row: Row, language: str) -> str: ...  # noqa: D102


def graded(*, low: Mask | bool = False, medium: Mask | bool = False, high: Mask | bool = False) -> Severities:
    """Return the gravest severity whose condition holds, account by account."""
    return np.where(high, 3, np.where(medium, 2, np.where(low, 1, 0))).astype(np.int8)
