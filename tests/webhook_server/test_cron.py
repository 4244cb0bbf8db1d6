from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from saaskpi.errors import UsageError
from saaskpi.settings import ScheduleSettings
from webhook_server.cron import Cron
from webhook_server.jobs import JOBS
from webhook_server.scheduler import schedules

# The night of 25 October 2026, in which clocks in Paris go back from 3 to 2 (from 1 to 0 UTC it is not).
PARIS = ZoneInfo("Europe/Paris")
MONDAY = datetime(2026, 10, 26, tzinfo=UTC)


@pytest.fixture(params=["Europe/Paris", "America/New_York", "UTC"])
def local_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    os.environ.pop("TZ", None)
    time.tzset()


@pytest.mark.parametrize("text", ["30 1 * * *", "30 0 * * *", "*/15 * * * *", "10 1 * * *"])
@pytest.mark.parametrize("change", ["2026-10-25", "2026-03-29", "2026-11-01"])
def test_no_slot_comes_twice_or_is_lost_when_clocks_change(local_zone: str, text: str, change: str) -> None:
    begin = datetime.fromisoformat(change).replace(tzinfo=UTC) - timedelta(days=2)
    slots = Cron("pull", text).between(begin, begin + timedelta(days=4))
    assert len(slots) == (4 * 24 * 4 if text.startswith("*/15") else 4)
    assert len(set(slots)) == len(slots)
    steps = {later - earlier for earlier, later in pairwise(slots)}
    assert len(steps) == 1
    assert {slot.tzinfo for slot in slots} == {UTC}


def test_the_local_hour_of_a_slot_moves_with_the_clocks() -> None:
    slots = Cron("pull", "30 0 * * *").between(
        datetime(2026, 10, 24, tzinfo=UTC), datetime(2026, 10, 27, tzinfo=UTC)
    )
    assert [slot.astimezone(PARIS).hour for slot in slots] == [2, 2, 1]


@pytest.mark.parametrize(
    "field, days",
    [
        ("*", [0, 1, 2, 3, 4, 5, 6]), ("0", [6]), ("7", [6]), ("1-5", [0, 1, 2, 3, 4]), ("mon,fri", [0, 4]),
        ("*/2", [1, 3, 5, 6]), ("6-7", [5, 6]), ("1,3", [0, 2]), ("5", [4]),
    ],
)  # fmt: skip
def test_weekdays_are_those_of_cron(field: str, days: list[int]) -> None:
    slots = Cron("pull", f"0 12 * * {field}").between(MONDAY, MONDAY + timedelta(days=7))
    assert [slot.weekday() for slot in slots] == days


def test_slots_are_after_one_moment_and_up_to_another() -> None:
    cron = Cron("pull", "*/15 * * * *")
    quarter = timedelta(minutes=15)
    assert cron.between(MONDAY, MONDAY) == []
    assert cron.between(MONDAY, MONDAY + quarter) == [MONDAY + quarter]
    assert cron.between(MONDAY + quarter, MONDAY) == []
    assert cron.next(MONDAY + timedelta(seconds=1)) == MONDAY + quarter


@pytest.mark.parametrize(
    "text",
    [
        "often",
        "* * * *",
        "* * * * * *",
        "61 * * * *",
        "0 0 * * 8",
        "0 0 30 2 *",
        "0 0 * * x-y",
        "*/0 * * * *",
    ],
)
def test_what_is_no_schedule_is_told_with_its_setting(text: str) -> None:
    with pytest.raises(UsageError, match=r"schedule\.backup"):
        schedules(ScheduleSettings(backup=text))


def test_a_job_with_an_empty_schedule_never_comes() -> None:
    assert "pull" not in schedules(ScheduleSettings(pull=" "))


def test_every_job_has_a_setting_and_every_setting_a_job() -> None:
    assert set(JOBS) == set(ScheduleSettings.model_fields)
