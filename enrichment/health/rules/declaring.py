"""A user's own flag, from its table in the settings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final, TypeVar

import numpy as np

from enrichment.health.columns import Columns, Mask, Row
from enrichment.health.flags.raising import RULES
from enrichment.health.flags.rule import KINDS, SEVERITIES
from enrichment.health.rules.conditions import TRUE, Part
from enrichment.health.rules.parsing import parse
from enrichment.health.rules.sentences import Sentence, read_sentence
from enrichment.messages import LANGUAGES
from saaskpi.errors import UsageError

_Read = TypeVar("_Read")
MOST_RULES: Final = 100
_KEYS: Final = ("flag", "kind", "severity", "when", *LANGUAGES)
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{1,39}")
_OURS: Final = frozenset(rule.flag for rule in RULES)


@dataclass(frozen=True, slots=True)
class UserRule:
    """A flag that a user declared.

    Attributes:
        flag: its name.
        kind: ``risk`` or ``opportunity``.
        severity: ``low``, ``medium`` or ``high``.
        when: the condition as it is written.
        condition: the same, understood.
        sentences: the evidence by language.
    """

    flag: str
    kind: str
    severity: str
    when: str
    condition: Part
    sentences: Mapping[str, Sentence]

    def holds(self, columns: Columns) -> Mask:
        """Return where the condition is true; unknown is not."""
        truths = self.condition.read(columns)
        return np.broadcast_to(truths == TRUE, len(columns))

    def text(self, row: Row, language: str) -> str:
        """Return the evidence of one account in ``en`` or ``fr``."""
        return self.sentences[language].text(row, language)


def read_rules(declared: Sequence[Mapping[str, Any]]) -> tuple[UserRule, ...]:
    """Return the user's own flags.

    Args:
        declared: the tables ``[[flags]]`` of the settings: ``flag``, ``kind``, ``severity``, ``when``, and a
            sentence in ``en`` or ``fr`` or both; one stands for the other where it is missing.

    Raises:
        UsageError: one of them is wrong; says which, where and what was likely meant.
    """
    if len(declared) > MOST_RULES:
        raise UsageError(f"There are {len(declared)} flags of your own.", hint=f"{MOST_RULES} are the most.")
    rules = tuple(_rules(declared))
    names = [rule.flag for rule in rules]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"The flag {name} is declared twice.", hint="Give each a name of its own.")
    return rules


def _rules(declared: Sequence[Mapping[str, Any]]) -> Iterator[UserRule]:
    for number, table in enumerate(declared, start=1):
        name = table.get("flag")
        where = f"[[flags]] {name if isinstance(name, str) and _NAME.fullmatch(name) else f'no. {number}'}"
        try:
            yield _rule(table)
        except UsageError as error:
            raise UsageError(f"{where}: {error.message}", hint=error.hint) from None


def _rule(table: Mapping[str, Any]) -> UserRule:
    for key, value in table.items():
        if key not in _KEYS:
            near = get_close_matches(str(key), _KEYS, 1)
            hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(_KEYS)}."
            raise UsageError(f"There is no key {str(key)[:40]!r}.", hint=hint)
        if not isinstance(value, str):
            raise UsageError(f"{key} is not a text.", hint="Put it in quotes.")
    flag = _needed(table, "flag")
    if not _NAME.fullmatch(flag):
        raise UsageError(
            f"{flag[:60]!r} cannot name a flag.",
            hint="Use 2 to 40 small letters, digits and underscores, a letter first: big_and_quiet.",
        )
    if flag in _OURS:
        raise UsageError(f"{flag} is the name of a flag that is there already.", hint="Choose another name.")
    when = _needed(table, "when")
    return UserRule(
        flag,
        _one_of(table, "kind", KINDS),
        _one_of(table, "severity", SEVERITIES),
        when,
        _within("when", parse, when),
        _sentences(table),
    )


def _within(key: str, read: Callable[[str], _Read], text: str) -> _Read:
    """Read a value; its mistakes name its key."""
    try:
        return read(text)
    except UsageError as error:
        raise UsageError(f"{key}: {error.message}", hint=error.hint) from None


def _needed(table: Mapping[str, Any], key: str) -> str:
    if key not in table:
        raise UsageError(f"{key} is missing.", hint=f"A flag needs {', '.join(_KEYS[:4])} and a sentence.")
    return str(table[key])


def _one_of(table: Mapping[str, Any], key: str, choices: Sequence[str]) -> str:
    value = _needed(table, key)
    if value not in choices:
        raise UsageError(f"{key} cannot be {value[:40]!r}.", hint=f"Choose one of: {', '.join(choices)}.")
    return value


def _sentences(table: Mapping[str, Any]) -> dict[str, Sentence]:
    given = {one: _within(one, read_sentence, table[one]) for one in LANGUAGES if one in table}
    if not given:
        raise UsageError("A sentence is missing.", hint=f"Give one in {' or '.join(LANGUAGES)}, or in both.")
    other = next(iter(given.values()))
    return {one: given.get(one, other) for one in LANGUAGES}
