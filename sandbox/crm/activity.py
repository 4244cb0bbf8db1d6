"""Touches, tickets and survey answers, driven by how engaged and how satisfied an account is.

Each month has its own candidates, drawn from the account's seed. A candidate happens with the likelihood of
its day, so a month lived in two parts gives what it gives lived at once.
"""

import random
from bisect import bisect
from calendar import monthrange
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate

from sandbox.crm import texts
from sandbox.crm.drafts import Dice, Draft, Later, Links, poisson
from sandbox.crm.standard import CALL_DISPOSITIONS
from sandbox.crm.times import DAY_MS, iso
from sandbox.world import Account


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a candidate happens.

    Attributes:
        satisfaction, engagement: Of the account on that day, 0..1.
        links: The company (when the CRM knows it) and the contact concerned.
        owner_id: The rep, "" when the company has none.
    """

    at: int
    satisfaction: float
    engagement: float
    links: Links
    owner_id: str
    dice: Dice


def _meeting(scene: Scene) -> Draft:
    chances = (0.6 + 0.35 * scene.engagement, 0.05, 0.05, 0.05)
    outcome = scene.dice.weighted(("COMPLETED", "NO_SHOW", "CANCELED", "RESCHEDULED"), chances)
    start = scene.at + 2 * DAY_MS
    properties = {
        "hs_timestamp": iso(start),
        "hs_meeting_title": scene.dice.choice(texts.MEETINGS),
        "hs_meeting_start_time": iso(start),
        "hs_meeting_end_time": iso(start + 1_800_000),
        "hs_meeting_outcome": "SCHEDULED",
    }
    return _draft(scene, "meetings", properties, ((start + 3_600_000, {"hs_meeting_outcome": outcome}),))


def _call(scene: Scene) -> Draft:
    reached = scene.dice.random() < 0.3 + 0.55 * scene.engagement
    missed = scene.dice.choice(("No answer", "Left voicemail", "Busy"))
    properties = {
        "hs_timestamp": iso(scene.at),
        "hs_call_title": scene.dice.choice(texts.CALLS),
        "hs_call_direction": "INBOUND" if scene.dice.random() < 0.2 else "OUTBOUND",
        "hs_call_disposition": CALL_DISPOSITIONS["Connected" if reached else missed],
        "hs_call_status": "COMPLETED" if reached else "NO_ANSWER",
        "hs_call_duration": str(scene.dice.between(60_000, 1_800_000) if reached else 0),
    }
    return _draft(scene, "calls", properties)


def _incoming_email(scene: Scene) -> Draft:
    return _email(scene, "INCOMING_EMAIL", scene.dice.choice(texts.EMAILS_IN))


def _outgoing_email(scene: Scene) -> Draft:
    return _email(scene, "EMAIL", scene.dice.choice(texts.EMAILS_OUT))


def _email(scene: Scene, direction: str, words: tuple[str, str]) -> Draft:
    properties = {
        "hs_timestamp": iso(scene.at),
        "hs_email_direction": direction,
        "hs_email_status": "SENT",
        "hs_email_subject": words[0],
        "hs_email_text": words[1],
    }
    return _draft(scene, "emails", properties)


def _note(scene: Scene) -> Draft:
    return _draft(
        scene, "notes", {"hs_timestamp": iso(scene.at), "hs_note_body": scene.dice.choice(texts.NOTES)}
    )


def _task(scene: Scene) -> Draft:
    due = scene.at + scene.dice.between(1, 7) * DAY_MS
    done = due + scene.dice.between(-1, 3) * DAY_MS
    properties = {
        "hs_timestamp": iso(due),
        "hs_task_subject": scene.dice.choice(texts.TASKS),
        "hs_task_status": "NOT_STARTED",
        "hs_task_priority": scene.dice.choice(("LOW", "MEDIUM", "HIGH")),
        "hs_task_type": scene.dice.choice(("CALL", "EMAIL", "TODO")),
    }
    closing = {"hs_task_status": "COMPLETED", "hs_task_completion_date": iso(done)}
    return _draft(scene, "tasks", properties, ((done, closing),) if scene.dice.random() < 0.85 else ())


def _ticket(scene: Scene) -> Draft:
    trouble = 1 - scene.satisfaction
    category, subject, content = scene.dice.choice(texts.TICKETS)
    priority = scene.dice.weighted(("LOW", "MEDIUM", "HIGH"), (0.5, 0.4, 0.1 + 0.6 * trouble))
    open_days = 0.3 + scene.dice.exponential(1.5 + 9 * trouble)
    closed = scene.at + round(open_days * 86_400) * 1000
    properties = {
        "subject": subject,
        "content": content,
        "hs_pipeline": "0",
        "hs_pipeline_stage": "1",
        "hs_ticket_priority": priority,
        "hs_ticket_category": category,
        "source_type": scene.dice.choice(("EMAIL", "CHAT", "FORM")),
    }
    later = (
        (scene.at + (closed - scene.at) // 3 // 1000 * 1000, {"hs_pipeline_stage": "3"}),
        (closed, {"hs_pipeline_stage": "4", "closed_date": iso(closed)}),
    )
    return _draft(scene, "tickets", properties, later)


def _nps(scene: Scene) -> Draft:
    score = max(0, min(10, round(scene.satisfaction * 11 + scene.dice.normal(1.3))))
    group = "Promoter" if score >= 9 else "Passive" if score >= 7 else "Detractor"
    return _survey(scene, "NPS", "Relationship survey", score, group)


def _csat(scene: Scene) -> Draft:
    score = max(1, min(5, round(1 + scene.satisfaction * 4.4 + scene.dice.normal(0.7))))
    group = "Happy" if score >= 4 else "Neutral" if score == 3 else "Unhappy"
    return _survey(scene, "CSAT", "After a ticket", score, group)


def _survey(scene: Scene, kind: str, name: str, score: int, group: str) -> Draft:
    happy = group in ("Promoter", "Happy")
    properties = {
        "hs_survey_type": kind,
        "hs_survey_name": name,
        "hs_survey_channel": "EMAIL",
        "hs_submission_timestamp": iso(scene.at),
        "hs_value": str(score),
        "hs_response_group": group,
        "hs_content": scene.dice.choice(texts.PRAISE if happy else texts.COMPLAINTS),
    }
    contacts = tuple(link for link in scene.links if link[0] == "contacts")
    return Draft(scene.at, "feedback_submissions", properties, contacts)


def _draft(scene: Scene, type_name: str, properties: dict[str, str], later: Later = ()) -> Draft:
    properties["hubspot_owner_id"] = scene.owner_id
    return Draft(scene.at, type_name, properties, scene.links, later)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of activity: at most ``rate`` a month, with this likelihood given engagement, satisfaction."""

    rate: float
    likelihood: Callable[[float, float], float]
    draft: Callable[[Scene], Draft]


KINDS = (
    Kind(0.55, lambda engagement, _: engagement, _meeting),
    Kind(0.6, lambda engagement, _: 0.2 + 0.8 * engagement, _call),
    Kind(0.75, lambda engagement, _: engagement**1.5, _incoming_email),
    Kind(0.4, lambda engagement, _: 0.4 + 0.6 * engagement, _outgoing_email),
    Kind(0.15, lambda engagement, _: 0.5 + 0.5 * engagement, _note),
    Kind(0.15, lambda engagement, _: 0.5 + 0.5 * engagement, _task),
    Kind(1.0, lambda _, satisfaction: (1.02 - satisfaction) ** 1.3, _ticket),
    Kind(0.14, lambda engagement, _: 0.2 + 0.8 * engagement, _nps),
    Kind(0.08, lambda engagement, _: 0.2 + 0.8 * engagement, _csat),
)
_AFTER_LEAVING = 0.04

Cast = Callable[[date, Dice], tuple[Links, str]]
"""Who takes part on a day: the links of the record, and the rep."""
_RATE = sum(kind.rate for kind in KINDS)
_UP_TO = tuple(accumulate(kind.rate for kind in KINDS))


def activity(account: Account, cast: Cast, since: date, until: date) -> Iterator[Draft]:
    """What happens with an account after ``since``, up to ``until`` included."""
    rng = random.Random()
    begin = max(since, account.signed_up_on)
    for first in _months(begin, until):
        rng.seed(account.course.salt * 4096 + first.toordinal())
        length = monthrange(first.year, first.month)[1]
        for _ in range(poisson(_RATE, rng)):
            day = first + timedelta(int(rng.random() * length))
            kind = KINDS[min(bisect(_UP_TO, rng.random() * _RATE), len(KINDS) - 1)]
            chance, dice = rng.random(), Dice(rng)
            if begin < day <= until and day.weekday() < 5:
                yield from _happen(account, kind, day, chance, dice, cast)


def _happen(
    account: Account, kind: Kind, day: date, chance: float, dice: Dice, cast: Cast
) -> Iterator[Draft]:
    satisfaction, engagement = account.satisfaction(day), account.engagement(day)
    likelihood = kind.likelihood(engagement, satisfaction)
    if account.churned_on is not None and account.churned_on <= day:
        likelihood *= _AFTER_LEAVING
    if chance < likelihood:
        links, owner_id = cast(day, dice)
        yield kind.draft(Scene(dice.working_hour(day), satisfaction, engagement, links, owner_id, dice))


def _months(since: date, until: date) -> Iterator[date]:
    """The first day of each month that has days from ``since`` to ``until``."""
    first = since.replace(day=1)
    while first <= until:
        yield first
        first = (first + timedelta(days=31)).replace(day=1)
