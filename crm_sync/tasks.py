"""Task rules: which open flag becomes a task, in which words, for whom and when. Pure.

There is at most one task per account, rule and episode of a flag: its key says so, and HubSpot's upsert by
that unique key keeps it so whatever crashes in between.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

import pandas as pd

from crm_sync.canonical import is_missing
from crm_sync.frames import living
from crm_sync.options import OPPORTUNITIES, RISKS
from crm_sync.task_texts import Texts, Words

SEVERITIES = ("low", "medium", "high")
TYPES = ("TODO", "CALL", "EMAIL")
PRIORITIES = ("LOW", "MEDIUM", "HIGH")
ASSIGNEES = ("company", "fallback")
DUE_HOUR_UTC = 9
LONGEST_DUE = 90
"""Working days."""


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
        enabled: whether it opens tasks.
        owner: who gets them: ``company`` (its owner, otherwise the fallback), ``fallback``, or an owner's id.
        subject, body: templates by language instead of those of ``messages/``.
    """

    flag: str
    min_severity: str
    due_in: int
    type: str
    priority: str
    texts: str = ""
    enabled: bool = True
    owner: str = "company"
    subject: Mapping[str, str] | None = None
    body: Mapping[str, str] | None = None

    def words(self, texts: Texts) -> Words:
        """Return its templates in the language of ``texts``.

        Raises:
            UsageError: it has none.
        """
        subject, body = ((one or {}).get(texts.language) for one in (self.subject, self.body))
        return texts.words(self.texts or self.flag, subject, body)


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
OWN_RULES: Mapping[str, Rule] = {
    "risk": Rule("", "high", 2, "CALL", "HIGH", texts="own"),
    "opportunity": Rule("", "high", 5, "CALL", "MEDIUM", texts="own"),
}
"""What becomes of a flag that a user declared, by its kind."""


def own_rule(flag: str, kind: str) -> Rule:
    """Return the default rule of a flag that a user declared: a task when the severity is high."""
    return replace(OWN_RULES[kind], flag=flag)


def own_rules(flags: pd.DataFrame) -> tuple[Rule, ...]:
    """Return the default rules of the flags that users declared.

    Args:
        flags: flag, kind; the flags that are up.
    """
    found = flags[["flag", "kind"]].drop_duplicates("flag")
    return tuple(
        own_rule(flag, kind)
        for flag, kind in sorted(zip(found["flag"], found["kind"], strict=True))
        if flag not in RISKS and flag not in OPPORTUNITIES and kind in OWN_RULES
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
        left: ids of those who have left.
    """

    active: frozenset[str]
    fallback: str | None
    left: frozenset[str] = frozenset()

    def assignee(self, owner_id: object, rule_owner: str = "company") -> str | None:
        """Return who gets a task: whom the rule names, else the fallback if active, else None.

        Args:
            owner_id: the company's owner.
            rule_owner: ``company``, ``fallback`` or an owner's id.
        """
        company = "" if is_missing(owner_id) else str(owner_id)
        wanted = {"company": company, "fallback": self.fallback}.get(rule_owner, rule_owner)
        return next((one for one in (wanted, self.fallback) if one in self.active), None)


def owners_of(owners: pd.DataFrame, fallback: str | None) -> Owners:
    """Return who may get tasks.

    Args:
        owners: id, archived.
        fallback: gets the tasks of companies whose owner is missing or has left; None for nobody.
    """
    ids, active = frozenset(owners["id"].astype(str)), active_owner_ids(owners)
    return Owners(active, fallback, ids - active)


def active_owner_ids(owners: pd.DataFrame) -> frozenset[str]:
    """Return the ids of the owners who have not left.

    Args:
        owners: id, archived.
    """
    return frozenset(living(owners)["id"].astype(str))
