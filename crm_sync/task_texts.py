"""The words of tasks: templates with placeholders, filled in so that no name can do harm. Pure."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from hashlib import sha256
from html import escape
from importlib.resources import files
from string import Formatter
from typing import Any

from crm_sync.canonical import is_missing
from crm_sync.ports import Money
from crm_sync.properties import own_label
from saaskpi.errors import UsageError

LANGUAGES = ("en", "fr")
PLACEHOLDERS: Mapping[str, str] = {
    "company": "name of the company",
    "flag": "name of the flag, as people read it",
    "severity": "of the flag: high, medium, low",
    "evidence": "the sentence that says why the flag is up",
    "mrr": "monthly recurring revenue",
    "health": "health score",
    "plan": "plan",
    "renewal": "day of the next renewal",
    "link": "page of the account, where `tasks.link` names one",
}
"""What a template may name, and what is put there."""
LONGEST_NAME = 120
"""Characters of a company's name in a task."""
LONGEST_VALUE = 1_000
_BLANK = re.compile(r"[\x00-\x20\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
BREAK = "<br>"


def check_template(text: str) -> UsageError | None:
    """Return what is wrong with a template, None when nothing is."""
    try:
        parts = list(Formatter().parse(text))
    except ValueError:
        return UsageError("A brace has no partner.", hint="Write {{ for a brace that is no placeholder.")
    for _, name, form, conversion in parts:
        if name is None:
            continue
        if form or conversion:
            return UsageError(f"{{{name[:40]}}} is given a form.", hint="Write the placeholder alone.")
        if name not in PLACEHOLDERS:
            near = get_close_matches(name, PLACEHOLDERS, 1)
            every = ", ".join(f"{{{one}}}" for one in PLACEHOLDERS)
            hint = f"Did you mean {{{near[0]}}}?" if near else f"Known: {every}."
            return UsageError(f"There is no placeholder {{{name[:40]}}}.", hint=hint)
    return None


@dataclass(frozen=True, slots=True)
class Words:
    """The templates of one task: a subject, and a body of lines."""

    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class Texts:
    """The words of tasks in one language.

    Args:
        language: en or fr.
        money: writes amounts.
        link: pattern of a page per account; None when there is none.
    """

    language: str
    money: Money
    link: str | None

    def values(
        self, flag: str, severity: str, account: Mapping[str, Any], evidence: object
    ) -> dict[str, str]:
        """Return what each placeholder stands for, "" where nothing is known; each is one line of text."""
        catalogue = messages(self.language)
        found = {
            "company": _cut(one_line(_text(account["name"])), LONGEST_NAME),
            "flag": self.flag_label(flag),
            "severity": str(catalogue["severities"].get(severity, severity)),
            "evidence": _text(evidence),
            "mrr": self._amount(account),
            "health": _text(account.get("health_score")).removesuffix(".0"),
            "plan": _text(account.get("plan")),
            "renewal": _text(account.get("renewal_date"))[:10],
            "link": self.link.format(account_id=account["account_id"]) if self.link else "",
        }
        return {name: _cut(one_line(value), LONGEST_VALUE) for name, value in found.items()}

    def flag_label(self, flag: str) -> str:
        """Return a flag's name as people read it."""
        return str(messages(self.language)["flags"].get(flag) or own_label(flag))

    def words(self, name: str, subject: str | None = None, body: str | None = None) -> Words:
        """Return the templates of a task: those given, otherwise those of the catalogue.

        Args:
            name: of the texts in ``messages/``.
            subject: instead of the catalogue's.
            body: instead of the catalogue's.

        Raises:
            UsageError: there are none.
        """
        catalogue = messages(self.language)
        if subject is not None and body is not None:
            return Words(subject, body)
        found = catalogue.get(name)
        if found is None:
            raise UsageError(f"There is no task text for '{name}' in language '{self.language}'.")
        lines = ("{evidence}", str(found["advice"]), str(catalogue["mrr"]), str(catalogue["link"]))
        return Words(subject or str(found["subject"]), body or "\n".join(lines))

    def subject(self, words: Words, values: Mapping[str, str]) -> str:
        """Return a task's subject: one line of plain text, whatever the company is called."""
        return _cut(one_line(words.subject.format_map(values)), LONGEST_VALUE)

    def body(self, words: Words, values: Mapping[str, str]) -> str:
        """Return a task's body as HTML; a line whose placeholders all stand for nothing is left out.

        Names and evidence are escaped: a company called ``<script>`` stays a name.
        """
        return BREAK.join(escape(line.format_map(values)) for line in _lines(words.body, values))

    def over(self, flag: str, day: str) -> str:
        """Return the line that says since when a flag is down."""
        return escape(str(messages(self.language)["over"]).format(flag=self.flag_label(flag), day=day))

    def back(self, flag: str, day: str) -> str:
        """Return the line that says that a flag is up again."""
        return escape(str(messages(self.language)["back"]).format(flag=self.flag_label(flag), day=day))

    def _amount(self, account: Mapping[str, Any]) -> str:
        if is_missing(account["mrr"]) or is_missing(account["currency"]):
            return ""
        return self.money.format_money(int(account["mrr"]), str(account["currency"]), self.language)


def reference(*parts: str) -> str:
    """Return a short line that tells one of our tasks, or one of its lines, from all others.

    It is visible text, since HubSpot strips comments and attributes from bodies.
    """
    return f"ref: saaskpi-{sha256(':'.join(parts).encode()).hexdigest()[:8]}"


def one_line(text: str) -> str:
    """Return a text without line breaks, control characters and marks that turn its direction."""
    return _BLANK.sub(" ", text).strip()


def _lines(template: str, values: Mapping[str, str]) -> Iterator[str]:
    for line in template.splitlines():
        named = [name for _, name, _, _ in Formatter().parse(line) if name]
        if line.strip() and (not named or any(values[name] for name in named)):
            yield line


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def _text(value: object) -> str:
    return "" if is_missing(value) else str(value)


@cache
def messages(language: str) -> Mapping[str, Any]:
    """Return the catalogue of a language.

    Raises:
        UsageError: there is none.
    """
    catalogue = files("crm_sync") / "messages" / f"{language}.toml"
    try:
        return tomllib.loads(catalogue.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError(f"There are no texts in language '{language}'.", hint="Use en or fr.") from error
