"""Facts about usage against a plain reckoning in pandas, and that the future changes nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enrichment.facts.sources import FactSources
from tests.enrichment.usage_books import NOW, UsageBooks, facts_at

SOURCES = FactSources(core_events=("login",))
DAYS = 28
LATEST = 160
"""How many days the events are spread over; some lie after ``NOW``."""


@st.composite
def events(draw: st.DrawFn, earliest: float = -5.0) -> list[dict[str, Any]]:
    """Draw uses: most at odd times, some on the borders of days."""
    drawn = draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(drawn)
    found = []
    for _ in range(draw(st.integers(0, 40))):
        days = random.uniform(earliest, LATEST)
        days = max(float(round(days)), earliest) if random.random() < 0.2 else days
        late = random.choice([0.0, 0.3, 9.0], p=[0.7, 0.2, 0.1])
        found.append(
            {
                "days": days,
                "key": f"cus_{random.integers(1, 4)}",
                "user": (None, "ann", "bob", "cy")[random.integers(4)],
                "event": random.choice(["login", "view"]),
                "quantity": float(random.choice([0, 1, 2.5])),
                "known": days - late,
            }
        )
    return found


def books_of(rows: list[dict[str, Any]]) -> UsageBooks:
    books = UsageBooks()
    for number in (1, 2, 3):
        books.account(f"cus_{number}", seats=number)
    for row in rows:
        books.use(**row)
    return books


def reckoned(books: UsageBooks, as_of: datetime) -> dict[str, dict[str, Any]]:
    """Work out the facts row by row; the instant must lie a whole number of days from ``NOW``."""
    frame = pd.DataFrame(books.events)
    if frame.empty:
        return {}
    known = frame["known_at"].clip(lower=frame["at"]) <= as_of
    frame = frame[known & (frame["at"] < as_of)]
    found = {}
    for key, rows in frame.groupby("account_key"):
        # An event exactly N days ago stands in the day that begins with it.
        age = np.ceil((as_of - rows["at"]).dt.total_seconds() / 86_400).astype(int)
        used = age[rows["quantity"] > 0]
        core = rows["quantity"].where(rows["event"] == "login", 0)
        users = rows["user_id"].where(rows["quantity"] > 0)
        history = int(age.max())
        windows = [(age > DAYS * number) & (age <= DAYS * (number + 1)) for number in range(4)]
        active = [int(users[window].nunique()) for window in windows[:3]]
        seats = int(str(key)[-1])
        named = bool(rows["user_id"].notna().any())
        weeks = {(days - used.min()) // 7 for days in used if (days - used.min()) // 7 < 12}
        found[str(key)] = {
            "account_id": key,
            "core_events": core[windows[0]].sum(),
            "core_events_before": (
                sum(core[window].sum() for window in windows[1:]) * DAYS / (min(history, 4 * DAYS) - DAYS)
                if history > DAYS
                else None
            ),
            "usage_history_days": history - 1,
            "active_users": active[0] if named else None,
            "days_idle": (int(used.min()) if len(used) else history) - 1,
            "is_weekly_user": len(weeks) >= 9,
            "limit_months": sum(count / seats >= 0.8 for count in active) if named else None,
            "limit_share": active[0] / seats if named else None,
            "limit_kind": "seats" if named else None,
        }
    return found


QUICK = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def same(ours: dict[str, dict[str, Any]], others: dict[str, dict[str, Any]]) -> None:
    assert list(ours) == list(others)
    for name, row in others.items():
        for column, value in row.items():
            told = ours[name][column]
            near = isinstance(value, float) and told is not None and np.isclose(told, value)
            assert near or told == value, (name, column, told, value)


@QUICK
@given(events(), st.integers(0, 90), st.sampled_from([0, 6.5, 14]))
def test_the_facts_are_those_of_a_plain_reckoning(
    rows: list[dict[str, Any]], days: int, hours: float
) -> None:
    books = books_of(rows)
    as_of = NOW - timedelta(days=days, hours=hours)
    same(books.facts(as_of=as_of, sources=SOURCES), reckoned(books, as_of))


@QUICK
@given(events(earliest=30.0), events(), st.sampled_from([0, 6.5]))
def test_what_came_or_was_known_later_changes_no_past_instant(
    rows: list[dict[str, Any]], more: list[dict[str, Any]], hours: float
) -> None:
    as_of = NOW - timedelta(days=30, hours=hours)
    later = [
        {**row, "days": min(row["days"], 30.0)} if number % 2 else {**row, "known": min(row["known"], 29.99)}
        for number, row in enumerate(more)
    ]
    past = books_of(rows).facts(as_of=as_of, sources=SOURCES, prepared_at=NOW)
    with books_of([*rows, *later]).prepared(SOURCES) as engine:
        facts_at(engine, NOW)
        assert facts_at(engine, as_of) == past
