"""Task rules: which open flag becomes a task, in which words, for whom and when. Pure.

There is at most one task per account, rule and episode of a flag: its key says so, and HubSpot's upsert by
that unique key keeps it so whatever crashes in between.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

import pandas as pd

from crm_sync.canonical import is_missing
from crm_sync.frames import living
from crm_sync.ports import Money
from crm_sync.properties import OPPORTUNITIES, RISKS, own_label
from saaskpi.errors import UsageError

SEVERITIES = ("low", "medium", "high")
DUE_HOUR_UTC = 9
_BLANK = re.compile(r"[\x00-\x20\x7f-\x9f]+")


@dataclass(frozen=True, slots=True)
class Rule:
    """From an open flag to a task.

    Attributes:
        flag: name of the flag; it is the rule's name too.
        min_severity: from which severity on a task is opened.
        due_in: working days until it is due.
        type: TODO, CALL or EMAIL.
        priority: LOW, MEDIUM or HIGH.
        texts: name of its texts in ``messages/``; empty: that of the flag.
    """

    flag: str
    min_severity: str
    due_in: int
    type: str
    priority: str
    texts: str = ""


DEFAULT_RULES: tuple[Rule, ...] = (
    Rule("usage_drop", "high", 3, "CALL", "MEDIUM"),
    Rule("silent", "high", 3, "CALL", "MEDIUM"),
    Rule("cancellation_scheduled", "high", 1, "CALL", "HIGH"),
    Rule("payment_failed", "medium", 2, "EMAIL", "HIGH"),
    Rule("card_expiring", "medium", 5, "EMAIL", "MEDIUM"),
    Rule("renewal_near", "medium", 5, "CALL", "MEDIUM"),
    Rule("contraction", "medium", 3, "CALL", "MEDIUM"),
    Rule("contact_change", "high", 3, "CALL", "MEDIUM"),
    Rule("low_nps", "medium", 2, "CALL", "HIGH"),
    Rule("ticket_spike", "high", 1, "CALL", "HIGH"),
    Rule("annual_offer", "low", 10, "EMAIL", "LOW"),
)
"""The flags that are worth somebody's time.

Of the opportunities only ``annual_offer``: the others are there when somebody looks at the company, and a
task for each would bury those that cannot wait.
"""
_OWN: Mapping[str, Rule] = {
    "risk": Rule("", "high", 2, "CALL", "HIGH", texts="own"),
    "opportunity": Rule("", "high", 5, "CALL", "MEDIUM", texts="own"),
}


def own_rules(flags: pd.DataFrame) -> tuple[Rule, ...]:
    """Return the rules for the flags that users declared: a task when the severity is high.

    Args:
        flags: flag, kind; the flags that are up.
    """
    found = flags[["flag", "kind"]].drop_duplicates("flag")
    return tuple(
        replace(_OWN[kind], flag=flag)
        for flag, kind in sorted(zip(found["flag"], found["kind"], strict=True))
        if flag not in RISKS and flag not in OPPORTUNITIES and kind in _OWN
    )


def task_key(portal_id: str, account_id: str, rule: str, episode: object) -> str:
    """Return the unique key of a task: ``portal:account:rule:episode``."""
    return f"{portal_id}:{account_id}:{rule}:{episode}"


def working_days_after(day: date, count: int) -> date:
    """Return the day that is ``count`` working days (Monday to Friday) after ``day``."""
    while count > 0:
        day += timedelta(days=1)
        count -= day.weekday() < 5
    return day


def due_at(now: datetime, working_days: int) -> datetime:
    """Return when a task is due: the morning (9:00 UTC) of a working day, ``working_days`` from now."""
    day = working_days_after(now.astimezone(UTC).date(), working_days)
    return datetime.combine(day, time(DUE_HOUR_UTC), tzinfo=UTC)


def is_severe_enough(rule: Rule, severity: object) -> bool:
    """Tell whether a flag of this severity (high, medium, low) is a case for the rule."""
    return severity in SEVERITIES and SEVERITIES.index(str(severity)) >= SEVERITIES.index(rule.min_severity)


@dataclass(frozen=True, slots=True)
class Owners:
    """Who gets a task.

    Args:
        active: ids of the owners who have not left.
        fallback: gets the tasks of companies whose owner is missing or has left; None for nobody.
    """

    active: frozenset[str]
    fallback: str | None

    def assignee(self, owner_id: object) -> str | None:
        """Return the company's owner, else the fallback if active, else None."""
        wanted = "" if is_missing(owner_id) else str(owner_id)
        return next((one for one in (wanted, self.fallback) if one in self.active), None)


@dataclass(frozen=True, slots=True)
class Texts:
    """The words of tasks in one language."""

    language: str
    money: Money
    link: str | None

    def subject(self, rule: Rule, company: str) -> str:
        """Return a task's subject: one line of plain text, whatever the company is called."""
        subject = str(self._of(rule)["subject"])
        return subject.format(company=_one_line(company), flag=own_label(rule.flag))

    def body(self, rule: Rule, account: Mapping[str, Any], evidence: str) -> str:
        """Return a task's body as HTML: the evidence, what to do, the MRR, the link if there is one.

        Names and evidence are escaped: a company called ``<script>`` stays a name.
        """
        return "<br>".join(escape(line) for line in self._lines(rule, account, evidence))

    def _lines(self, rule: Rule, account: Mapping[str, Any], evidence: str) -> Iterator[str]:
        if evidence:
            yield evidence
        yield str(self._of(rule)["advice"])
        catalogue = messages(self.language)
        if not is_missing(account["mrr"]) and not is_missing(account["currency"]):
            amount = self.money.format_money(int(account["mrr"]), str(account["currency"]), self.language)
            yield str(catalogue["mrr"]).format(mrr=amount)
        if self.link:
            yield str(catalogue["link"]).format(link=self.link.format(account_id=account["account_id"]))

    def _of(self, rule: Rule) -> Mapping[str, Any]:
        found: Mapping[str, Any] | None = messages(self.language).get(rule.texts or rule.flag)
        if found is None:
            raise UsageError(f"There is no task text for '{rule.flag}' in language '{self.language}'.")
        return found


def _one_line(text: str) -> str:
    return _BLANK.sub(" ", text).strip()


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


def active_owner_ids(owners: pd.DataFrame) -> frozenset[str]:
    """Return the ids of the owners who have not left.

    Args:
        owners: id, archived.
    """
    return frozenset(living(owners)["id"].astype(str))
