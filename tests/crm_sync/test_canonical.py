from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sync.canonical import canonical

KINDS = ("string", "number", "date", "datetime", "enumeration", "bool")
MOMENTS = st.datetimes(datetime.fromisoformat("1990-01-01"), datetime.fromisoformat("2090-01-01"))


@pytest.mark.parametrize(
    "kind, one, other",
    [
        ("number", "129", 129.0),
        ("number", "129.00", Decimal("129")),
        ("number", "0", "-0.0"),
        ("number", "1E+3", "1000"),
        ("number", "0.1", 0.1),
        ("date", "2026-10-31", pd.Timestamp("2026-10-31")),
        ("date", "2026-10-31", "1793404800000"),
        ("date", "2026-10-31", date(2026, 10, 31)),
        ("date", "2026-10-31", "2026-10-31T00:00:00Z"),
        ("datetime", "2026-10-31T10:00:00Z", "2026-10-31T10:00:00.000Z"),
        ("datetime", "2026-10-31T10:00:00Z", "2026-10-31T12:00:00+02:00"),
        ("enumeration", "a;b", "b; a"),
        ("enumeration", ["b", "a"], "a;b"),
        ("enumeration", [], ""),
        ("string", "one\r\ntwo ", "one\ntwo"),
        ("string", None, ""),
        ("number", float("nan"), None),
        ("date", pd.NaT, ""),
        ("number", pd.NA, ""),
        ("bool", True, "TRUE"),
    ],
)
def test_equal_values_are_written_alike(kind: str, one: object, other: object) -> None:
    assert canonical(one, kind) == canonical(other, kind)


def test_a_moment_has_three_decimals_as_hubspot_documents() -> None:
    moment = datetime(2026, 10, 31, 10, tzinfo=UTC)
    assert canonical(moment.replace(microsecond=123_456), "datetime") == "2026-10-31T10:00:00.123Z"
    assert canonical(moment.replace(microsecond=456), "datetime") == "2026-10-31T10:00:00Z"


@pytest.mark.parametrize(
    "kind, one, other",
    [
        ("number", "129", "129.01"),
        ("number", "0", ""),
        ("date", "2026-10-31", "2026-11-01"),
        ("enumeration", "a", "a;b"),
        ("string", "a", "A"),
        ("number", "n/a", ""),
        ("number", "NaN", "0"),
        ("date", "soon", ""),
    ],
)
def test_different_values_stay_different(kind: str, one: object, other: object) -> None:
    assert canonical(one, kind) != canonical(other, kind)


@given(st.text(), st.sampled_from(KINDS))
def test_what_is_canonical_stays_as_it_is(text: str, kind: str) -> None:
    once = canonical(text, kind)
    assert canonical(once, kind) == once


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4))
def test_a_number_keeps_its_value(number: Decimal) -> None:
    assert Decimal(canonical(number, "number")) == number


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_read_back_as_a_float_is_unchanged(number: float) -> None:
    written = canonical(number, "number")
    assert canonical(float(written), "number") == written


@given(MOMENTS, st.integers(-14, 14))
def test_a_moment_is_the_same_in_every_zone(moment: datetime, hours: int) -> None:
    there = timezone(timedelta(hours=hours))
    aware = moment.replace(tzinfo=UTC)
    assert canonical(aware.astimezone(there), "datetime") == canonical(aware, "datetime")


@given(st.lists(st.sampled_from("abcdef")))
def test_ticks_have_no_order(ticks: list[str]) -> None:
    assert canonical(list(reversed(ticks)), "enumeration") == canonical(";".join(ticks), "enumeration")
