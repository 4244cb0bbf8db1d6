"""When a job is due: five cron fields, read in UTC, so that no slot comes twice when clocks are put back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from apscheduler.triggers.cron import CronTrigger  # type: ignore[import-untyped]

from saaskpi.errors import UsageError

_WEEKDAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


class Cron:
    """A schedule such as ``*/15 * * * *``: minute, hour, day of the month, month, day of the week.

    Sunday is 0 or 7. A schedule with both days asks for both at once.

    Args:
        job: whose schedule it is, for the error.
        text: the five fields.

    Raises:
        UsageError: it is no schedule, or never comes.
    """

    def __init__(self, job: str, text: str) -> None:
        self.text = text
        try:
            *fields, weekday = text.split()
            self.trigger = CronTrigger.from_crontab(" ".join([*fields, _weekdays(weekday)]), timezone=UTC)
        except ValueError:
            raise _wrong(job, text, "is no schedule") from None
        if self.next(datetime(2024, 1, 1, tzinfo=UTC)) is None:
            raise _wrong(job, text, "never comes")

    def next(self, after: datetime) -> datetime | None:
        """Return the first slot after a moment, None when there is none any more."""
        found: datetime | None = self.trigger.get_next_fire_time(None, after + timedelta(microseconds=1))
        return found

    def between(self, after: datetime, until: datetime) -> list[datetime]:
        """Return the slots after one moment, up to another and including it."""
        slots: list[datetime] = []
        slot = self.next(after)
        while slot is not None and slot <= until:
            slots.append(slot)
            slot = self.next(slot)
        return slots


def _weekdays(field: str) -> str:
    """Return a field of weekdays by name: APScheduler counts them from Monday, cron from Sunday."""
    if field == "*" or any(letter.isalpha() for letter in field):
        return field
    numbers: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = ("0", "-", "6") if span == "*" else span.partition("-")
        numbers.update(range(int(first), int(last or first) + 1, int(step or 1)))
    if not numbers <= set(range(8)):
        raise ValueError(field)
    return ",".join(sorted({_WEEKDAYS[number % 7] for number in numbers}))


def _wrong(job: str, text: str, what: str) -> UsageError:
    return UsageError(
        f'The setting schedule.{job} = "{text}" {what}.',
        hint='Write five cron fields in UTC, such as "*/15 * * * *", or "" for never.',
    )
