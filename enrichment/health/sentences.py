"""The sentence that a salesperson reads about each account, out of parts that many accounts share."""

from __future__ import annotations

from functools import cache
from typing import Final, NamedTuple

from enrichment.health.config import HealthConfig
from enrichment.health.reasons import Reasons
from enrichment.messages import Message, catalogue, say

COLOURS: Final = ("green", "yellow", "red")


class Account(NamedTuple):
    """What one account's sentence is made of.

    Attributes:
        name: of the account.
        band: a colour, ``new`` or ``no data``.
        score: after caps, 0 to 100.
        coverage: per cent of the points that are measured.
        held: why a cap holds the score down, where one does.
        told: the signals to tell, the heaviest first: (index into ``Reasons.texts``, points lost).
        assumed: points held back for what is not measured, to be told; 0 for none.
    """

    name: str
    band: str
    score: int
    coverage: int
    held: Message | None
    told: list[tuple[int, int]]
    assumed: int


class Writer:
    """Writes in one language: what many accounts share is written once."""

    def __init__(self, language: str, reasons: Reasons, config: HealthConfig) -> None:
        self._language = language
        self._reasons = reasons.texts[language]
        self._new_days = config.new_days
        self._entries: dict[str, str] = catalogue(language)
        self._between = self._fill("health.joined", first="", rest="")
        self._nothing = self._entries["health.nothing"]
        self._reason = cache(self._written_reason)
        self._assumed = cache(self._written_assumed)

    def sentence(self, account: Account) -> str:
        """Return the whole sentence about an account."""
        if account.band == "new":
            return self._fill("health.new", name=account.name, days=self._new_days)
        if account.band == "no data":
            return self._fill("health.no_data", name=account.name, coverage=account.coverage)
        parts = [self._reason(code, points) for code, points in account.told]
        if account.assumed:
            parts.append(self._assumed(account.assumed))
        if account.held:
            held = account.held.text(self._language)
            parts.insert(0, self._fill("cap.held", cap=account.score, reason=held))
        band, reasons = self._entries[f"band.{account.band}"], self._between.join(parts) or self._nothing
        return self._fill("health.scored", name=account.name, score=account.score, band=band, reasons=reasons)

    def top(self, account: Account) -> str | None:
        """Return the weightiest reason alone; None where there is none, or no colour to give a reason for."""
        if account.band not in COLOURS:
            return None
        if account.held:
            return account.held.text(self._language)
        return self._reasons[account.told[0][0]] if account.told else None

    def _fill(self, key: str, **values: object) -> str:
        return self._entries[key].format_map(values)

    def _written_reason(self, code: int, points: int) -> str:
        return self._fill("health.reason", reason=self._reasons[code], points=points)

    def _written_assumed(self, points: int) -> str:
        return say("health.assumed", n=points).text(self._language)


def no_score(name: str, status: str) -> Message:
    """Say why an account that is no customer now has no score: in trial, gone, or never was one."""
    return say(f"health.{status}", name=name)
