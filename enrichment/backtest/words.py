"""Figures in sentences, as each language writes them."""

from __future__ import annotations

from dataclasses import dataclass

from enrichment.messages import Sayable

_MARKS = {"en": ("%", "."), "fr": ("\u202f%", ",")}


@dataclass(frozen=True, slots=True)
class Figure(Sayable):
    """A number with a fixed count of decimals: ``0.80`` or ``0,80``."""

    value: float
    digits: int = 2

    def text(self, language: str) -> str:
        """Return it in ``en`` or ``fr``."""
        return f"{self.value:.{self.digits}f}".replace(".", _MARKS[language][1])


@dataclass(frozen=True, slots=True)
class Percent(Sayable):
    """A share of 0 to 1 in per cent: ``12.5%`` or ``12,5 %``; whole from 10 % on, unless digits are given."""

    share: float
    digits: int | None = None

    def text(self, language: str) -> str:
        """Return it in ``en`` or ``fr``."""
        percent = 100 * self.share
        digits = self.digits if self.digits is not None else int(0 < percent < 9.95)
        return Figure(percent, digits).text(language) + _MARKS[language][0]
