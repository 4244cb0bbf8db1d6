"""Sentences for people, in English and French: a folder of catalogues per language, a file per subject.

An entry is a text with ``{placeholders}``, or a pair ``one``/``other`` chosen by the placeholder ``n``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from importlib import resources
from typing import Any, Final

from enrichment.money import format_exact, format_money, format_number

LANGUAGES: Final = ("en", "fr")
_SINGULAR: Final = {"en": lambda n: n == 1, "fr": lambda n: abs(n) < 2}
_DATES: Final = {"en": "%Y-%m-%d", "fr": "%d/%m/%Y"}


class Sayable:
    """Something to say, not yet in a language."""

    __slots__ = ()

    def text(self, language: str) -> str:
        """Return it in ``en`` or ``fr``."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Money(Sayable):
    """An amount to be written in the reader's way: integer minor units and the ISO 4217 code."""

    minor: int
    currency: str

    def text(self, language: str) -> str:
        """Return ``1,234.50 EUR`` or ``1 234,50 EUR``."""
        return format_money(self.minor, self.currency, language)


@dataclass(frozen=True, slots=True)
class ExactMoney(Sayable):
    """An exact amount of minor units, a fraction written as text, and the ISO 4217 code."""

    minor: str
    currency: str

    def text(self, language: str) -> str:
        """Return the amount; what is below the minor unit is cut after some digits and marked so."""
        return format_exact(self.minor, self.currency, language)


@dataclass(frozen=True, slots=True)
class Number(Sayable):
    """An exact number, written as text."""

    exact: str

    def text(self, language: str) -> str:
        """Return ``12.5`` or ``12,5``."""
        return format_number(self.exact, language)


@dataclass(frozen=True, slots=True)
class Message(Sayable):
    """A sentence of the catalogues, or a part of one; hashable, because most accounts share most reasons.

    Attributes:
        key: of the catalogue, dotted.
        values: (placeholder, value) pairs; see :func:`say`.
    """

    key: str
    values: tuple[tuple[str, Any], ...] = ()

    def text(self, language: str) -> str:
        """Return the sentence in ``en`` or ``fr``."""
        return _text(self, language)


def say(key: str, **values: object) -> Message:
    """Build a message; values may be texts, numbers, dates and whatever is ``Sayable``."""
    return Message(key, tuple(values.items()))


# What repeats is said close together: a larger memory finds no more, and is slower than the processor's own.
@lru_cache(maxsize=4_096)
def _text(message: Message, language: str) -> str:
    values = dict(message.values)
    entry = catalogue(language)[message.key]
    if not isinstance(entry, str):
        entry = entry["one" if _SINGULAR[language](values["n"]) else "other"]
    text: str = entry.format(**{name: _written(value, language) for name, value in values.items()})
    return text


@cache
def catalogue(language: str) -> dict[str, Any]:
    """Return the entries of one language by dotted key; a plural one is a dict with ``one`` and ``other``."""
    found: dict[str, Any] = {}
    for file in (resources.files("enrichment") / "messages" / language).iterdir():
        text = file.read_text(encoding="utf-8")
        found.update(_entries(tomllib.loads(_typeset(text) if language == "fr" else text), ""))
    return found


def _typeset(text: str) -> str:
    """Keep French punctuation on the line of its word: a no-break space before : ; and %."""
    return text.replace(" :", "\u00a0:").replace(" ;", "\u202f;").replace(" %", "\u202f%")


def _entries(table: Mapping[str, Any], prefix: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in table.items():
        if isinstance(value, Mapping) and "other" not in value:
            found.extend(_entries(value, f"{prefix}{name}."))
        else:
            found.append((prefix + name, value))
    return found


def _written(value: object, language: str) -> object:
    match value:
        case Sayable():
            return value.text(language)
        case date():
            return value.strftime(_DATES[language])
        case _:
            return value
