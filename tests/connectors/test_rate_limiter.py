"""Limits of a moment and of a day, shared by whoever speaks to one API with one key."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
import responses

from connectors.hubspot.client import HubSpotClient
from connectors.rate_limiter import DailyAllowance, RateLimiter, shared_limiter
from saaskpi.errors import UnavailableError

NOON = datetime(2026, 10, 31, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.time = NOON

    def __call__(self) -> datetime:
        return self.time


def left(calls: int, whole: int = 100) -> dict[str, str]:
    return {"X-HubSpot-RateLimit-Daily": str(whole), "X-HubSpot-RateLimit-Daily-Remaining": str(calls)}


def test_our_share_of_a_day_ends_with_a_word_on_when_to_go_on() -> None:
    clock = Clock()
    day = DailyAllowance("HubSpot", 100, 0.25, clock)
    for minute in range(25):
        clock.time = NOON + timedelta(minutes=minute)
        day.take()
    with pytest.raises(UnavailableError, match="used up") as refused:
        day.take()
    assert "Go on after 2026-11-01 12:10 UTC" in refused.value.hint
    clock.time = datetime(2026, 11, 1, 12, 9, tzinfo=UTC)
    with pytest.raises(UnavailableError):
        day.take()
    clock.time = datetime(2026, 11, 1, 12, 10, tzinfo=UTC)
    for _ in range(10):  # the calls of the first ten minutes count no more
        day.take()
    with pytest.raises(UnavailableError):
        day.take()


def test_the_share_of_the_others_is_left_to_them_by_the_vendor_s_own_count() -> None:
    clock = Clock()
    day = DailyAllowance("HubSpot", 100, 0.9, clock)
    day.heard(left(11))
    day.take()
    day.heard(left(10))
    with pytest.raises(UnavailableError, match="used up"):
        day.take()
    clock.time += timedelta(minutes=10)
    day.take()  # one asks whether it was renewed
    with pytest.raises(UnavailableError):
        day.take()
    day.heard(left(100))
    day.take()
    day.heard({})
    day.take()


def test_a_refused_call_waits_for_no_place_and_takes_none() -> None:
    slept: list[float] = []
    limiter = RateLimiter(
        1, 10.0, day=DailyAllowance("HubSpot", 1, 1.0, Clock()), clock=lambda: 0.0, sleep=slept.append
    )
    limiter.acquire()
    with pytest.raises(UnavailableError):
        limiter.acquire()
    assert slept == []


def test_threads_together_take_no_more_than_the_day_allows() -> None:
    day = DailyAllowance("HubSpot", 1000, 0.5, Clock())
    taken: list[int] = []

    def take() -> None:
        for _ in range(200):
            try:
                day.take()
            except UnavailableError:
                continue
            taken.append(1)

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 500


def test_one_portal_has_one_limiter_and_another_key_or_host_has_another() -> None:
    base, key = "https://one.example", "pat-1"
    first = shared_limiter(base, key, 90, 10.0)
    day = DailyAllowance("HubSpot", 10)
    assert shared_limiter(f"{base}/", key, 90, 10.0, lambda: day) is first
    assert shared_limiter(base, key, 90, 10.0, lambda: DailyAllowance("HubSpot", 99)).day is day
    assert shared_limiter(base, "pat-2", 90, 10.0) is not first
    assert shared_limiter("https://two.example", key, 90, 10.0) is not first


@responses.activate
def test_a_client_hears_how_many_calls_are_left() -> None:
    url = "https://api.hubspot.example/account-info/2026-03/details"
    responses.get(url, json={"portalId": 1}, headers=left(10))
    limiter = RateLimiter(100, 10.0, day=DailyAllowance("HubSpot", 100, 0.9, Clock()))
    client = HubSpotClient("pat-1", "https://api.hubspot.example", limiter=limiter)
    client.portal()
    with pytest.raises(UnavailableError, match="used up"):
        client.portal()
    assert len(responses.calls) == 1
