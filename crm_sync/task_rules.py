"""Task rules from the settings: each changes the rule of one flag, or gives a flag a rule. Pure.

Every mistake is a UsageError that names the setting and says what was likely meant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from crm_sync.options import NO_FLAGS, OPPORTUNITIES, RISKS, OwnFlags
from crm_sync.task_texts import LANGUAGES, check_template
from crm_sync.tasks import (
    ASSIGNEES,
    DEFAULT_RULES,
    LONGEST_DUE,
    OWN_RULES,
    PRIORITIES,
    SEVERITIES,
    TYPES,
    Rule,
    own_rule,
)
from saaskpi.errors import UsageError

MOST_CHARACTERS = 2_000
"""Of one template."""


def read_task_rules(
    declared: Sequence[Mapping[str, Any]], own: OwnFlags = NO_FLAGS, defaults: Sequence[Rule] = DEFAULT_RULES
) -> tuple[Rule, ...]:
    """Return every rule that holds: the defaults and those of the user's own flags, changed as declared.

    Args:
        declared: the tables ``[[tasks.rules]]`` of the settings; see docs/tasks.md.
        own: names of the user's own flags by kind (risk, opportunity).
        defaults: the rules that are changed.

    Raises:
        UsageError: one of them is wrong; says which setting, and what was likely meant.
    """
    rules = {rule.flag: rule for rule in defaults}
    rules |= {flag: own_rule(flag, kind) for kind in OWN_RULES for flag in own.get(kind, ())}
    known = list(dict.fromkeys([*RISKS, *OPPORTUNITIES, *rules]))
    seen: set[str] = set()
    for number, table in enumerate(declared, start=1):
        flag = _flag(table, number, known)
        if flag in seen:
            raise UsageError(
                f"tasks.rules: the flag {flag} has two rules.", hint="Keep one [[tasks.rules]] per flag."
            )
        seen.add(flag)
        kind = "opportunity" if flag in OPPORTUNITIES else "risk"
        rules[flag] = _changed(rules.get(flag) or replace(own_rule(flag, kind), texts=""), table)
    return tuple(rules.values())


def _flag(table: Mapping[str, Any], number: int, known: Sequence[str]) -> str:
    where = f"tasks.rules, no. {number}: flag"
    if "flag" not in table:
        raise UsageError(f"{where} is missing.", hint='Name the flag that becomes a task: flag = "silent".')
    return _one_of(where, table["flag"], known, "Flags: docs/health.md.")


def _changed(rule: Rule, table: Mapping[str, Any]) -> Rule:
    changes: dict[str, Any] = {}
    for key, value in table.items():
        where = f"tasks.rules, {rule.flag}: {key}"
        if key == "flag":
            continue
        if key not in _READ:
            known = ["flag", *_READ]
            raise UsageError(
                f"tasks.rules, {rule.flag}: there is no {str(key)[:40]!r}.", hint=_meant(str(key), known)
            )
        changes[key] = _READ[key](where, value)
    return replace(rule, **changes)


def _one_of(where: str, value: object, choices: Sequence[str], more: str = "") -> str:
    if not isinstance(value, str):
        raise UsageError(f"{where} is not a text.", hint="Put it in quotes.")
    if value not in choices:
        raise UsageError(f"{where} cannot be {value[:40]!r}.", hint=_meant_or_more(value, choices, more))
    return value


def _meant_or_more(value: str, choices: Sequence[str], more: str) -> str:
    """Return what was likely meant, and where to read on when the choices are many."""
    return f"{_meant(value, choices, short=bool(more))} {more}".strip()


def _meant(value: str, choices: Sequence[str], *, short: bool = False) -> str:
    folded = {one.casefold(): one for one in choices}
    near = get_close_matches(value.casefold(), list(folded), 1)
    if near:
        return f"Did you mean {folded[near[0]]}?"
    return "" if short else f"Choose one of: {', '.join(choices)}."


def _choice(choices: Sequence[str]) -> Callable[[str, object], str]:
    return lambda where, value: _one_of(where, value, choices)


def _yes_no(where: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise UsageError(f"{where} is neither true nor false.", hint="Write true or false, without quotes.")
    return value


def _days(where: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LONGEST_DUE:
        raise UsageError(f"{where} is no number of days.", hint=f"Give 0 to {LONGEST_DUE} working days.")
    return value


def _assignee(where: str, value: object) -> str:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not (text in ASSIGNEES or text.isdecimal()):
        near = _meant(str(value), ASSIGNEES, short=True)
        raise UsageError(
            f"{where} cannot be {str(value)[:40]!r}.",
            hint=f"{near} Choose company (the company's owner), fallback, or the id of an owner.".strip(),
        )
    return text


def _texts(where: str, value: object) -> Mapping[str, str]:
    """Read a text for both languages, or one for each; one stands for the other where it is missing."""
    given = value if isinstance(value, Mapping) else dict.fromkeys(LANGUAGES, value)
    for language, text in given.items():
        if language not in LANGUAGES:
            raise UsageError(
                f"{where} has no language {str(language)[:20]!r}.", hint=f"Use {' or '.join(LANGUAGES)}."
            )
        _check_text(f"{where}.{language}" if isinstance(value, Mapping) else where, text)
    if not given:
        raise UsageError(f"{where} is empty.", hint='Write it in en or fr: { en = "...", fr = "..." }.')
    spare = next(iter(given.values()))
    return {language: str(given.get(language, spare)) for language in LANGUAGES}


def _check_text(where: str, text: object) -> None:
    if not isinstance(text, str) or not text.strip():
        raise UsageError(f"{where} is no text.", hint="Write it in quotes, or leave it out.")
    if len(text) > MOST_CHARACTERS:
        raise UsageError(f"{where} has {len(text):,} characters.", hint=f"{MOST_CHARACTERS:,} are the most.")
    unknown = check_template(text)
    if unknown is not None:
        raise UsageError(f"{where}: {unknown.message}", hint=unknown.hint)


_READ: Mapping[str, Callable[[str, Any], Any]] = {
    "enabled": _yes_no,
    "min_severity": _choice(SEVERITIES),
    "due_in": _days,
    "type": _choice(TYPES),
    "priority": _choice(PRIORITIES),
    "owner": _assignee,
    "subject": _texts,
    "body": _texts,
}
"""Every key of a rule but its flag, and how its value is read."""
KEYS = ("flag", *_READ)
