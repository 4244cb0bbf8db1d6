"""The sentence of a user's own flag: text with ``{column}`` in it."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from string import Formatter
from typing import Final
from unicodedata import category

from enrichment.health.columns import COLUMNS, MONEY, NUMBER, YES_NO, Row
from enrichment.health.flags.words import money, shortened
from enrichment.messages import Number, Sayable, say
from saaskpi.errors import UsageError

LONGEST: Final = 400
_BREAKS: Final = ("Cc", "Cs", "Zl", "Zp")
"""Unicode's categories of control characters, halves of characters, and ends of lines and paragraphs."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of one language.

    Attributes:
        parts: (text, name of the column that follows it or None).
    """

    parts: tuple[tuple[str, str | None], ...]

    def text(self, row: Row, language: str) -> str:
        """Return it with the account's facts, written in the way of the language."""
        told = (text + (_written(row, column, language) if column else "") for text, column in self.parts)
        return "".join(told)


def read_sentence(text: str) -> Sentence:
    """Return the sentence that a text says.

    Raises:
        UsageError: it is empty, too long, of several lines, or a placeholder names no documented column.
    """
    if not text.strip() or len(text) > LONGEST or any(category(sign) in _BREAKS for sign in text):
        raise UsageError(
            "A sentence is one line of text.", hint=f"Give 1 to {LONGEST} characters without line breaks."
        )
    try:
        parts = list(Formatter().parse(text.strip()))
    except ValueError as error:
        raise UsageError(
            f"The sentence has a stray brace: {error}.", hint="Write {{ or }} for a brace that is meant."
        ) from None
    for _, name, form, conversion in parts:
        if name is not None and (name not in COLUMNS or form or conversion):
            near = get_close_matches(name, COLUMNS, 1)
            hint = f"Did you mean {{{near[0]}}}? " if near else ""
            shown = name + (f"!{conversion}" if conversion else "") + (f":{form}" if form else "")
            raise UsageError(
                f"The sentence names no documented column: {{{shown[:60]}}}.",
                hint=f"{hint}Columns: docs/health.md.",
            )
    return Sentence(tuple((text, name) for text, name, _, _ in parts))


def _written(row: Row, name: str, language: str) -> str:
    return _value(row, name).text(language)


def _value(row: Row, name: str) -> Sayable:
    value, kind = row[name], COLUMNS[name].kind
    if kind == MONEY:
        return money(row, name)
    if value is None:
        return say("flag.value.unknown")
    if kind == NUMBER:
        return Number(str(round(value, 2)))
    if kind == YES_NO:
        return say(f"flag.value.{'yes' if value else 'no'}")
    return say("flag.value.plain", value=shortened(value) if isinstance(value, str) else value)
