from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.columns import Column, Kind, MisfitError, columns_of, misfit, to_array, to_json


@pytest.mark.parametrize(
    "rule, kind",
    [
        ({"type": ["null", "string"]}, Kind.TEXT),
        ({"type": "integer"}, Kind.INTEGER),
        ({"type": ["number", "null"]}, Kind.NUMBER),
        ({"type": ["integer", "number"]}, Kind.NUMBER),
        ({"type": "boolean"}, Kind.BOOLEAN),
        ({"type": ["string", "null"], "format": "date-time"}, Kind.TIMESTAMP),
        ({"type": "string", "format": "date"}, Kind.DATE),
        ({"type": "string", "format": "uri"}, Kind.TEXT),
        ({"type": "object"}, Kind.JSON),
        ({"type": "array"}, Kind.JSON),
        ({"type": ["string", "object"]}, Kind.JSON),
        ({"type": ["string", "integer"]}, Kind.JSON),
        ({"anyOf": [{"type": "string"}, {"type": "object"}]}, Kind.JSON),
        ({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}, Kind.TIMESTAMP),
        ({}, Kind.JSON),
    ],
)
def test_a_schema_says_what_a_column_holds(rule: dict[str, Any], kind: Kind) -> None:
    assert columns_of({"properties": {"x": rule}}) == (Column("x", kind),)


@pytest.mark.parametrize(
    "kind, value, landed",
    [
        (Kind.TEXT, "ä", "ä"),
        (Kind.INTEGER, 2**62, 2**62),
        (Kind.INTEGER, 3.0, 3),
        (Kind.INTEGER, Decimal(3), 3),
        (Kind.NUMBER, 3, 3.0),
        (Kind.NUMBER, Decimal("1.5"), 1.5),
        (Kind.BOOLEAN, False, False),
        (Kind.TIMESTAMP, "2026-10-31T10:00:00.5+02:00", datetime.fromisoformat("2026-10-31T08:00:00.500")),
        (Kind.TIMESTAMP, "2026-10-31T10:00:00", datetime.fromisoformat("2026-10-31T10:00:00")),
        (Kind.TIMESTAMP, "2026-10-31", datetime.fromisoformat("2026-10-31T00:00:00")),
        (
            Kind.TIMESTAMP,
            "2026-10-31T10:00:00.123456789Z",
            datetime.fromisoformat("2026-10-31T10:00:00.123456"),
        ),
        (Kind.TIMESTAMP, datetime(2026, 10, 31, tzinfo=UTC), datetime.fromisoformat("2026-10-31")),
        (Kind.DATE, "2026-10-31", date(2026, 10, 31)),
        (Kind.DATE, "2026-10-31T00:00:00Z", date(2026, 10, 31)),
        (Kind.JSON, {"a": [1]}, '{"a":[1]}'),
        (Kind.JSON, "cus_1", "cus_1"),
        (Kind.JSON, 5, "5"),
    ],
)
def test_a_value_lands_typed(kind: Kind, value: Any, landed: Any) -> None:
    assert to_array(Column("x", kind), [None, value]).to_pylist() == [None, landed]


@pytest.mark.parametrize(
    "kind, value",
    [
        (Kind.TEXT, 5),
        (Kind.INTEGER, 1.5),
        (Kind.INTEGER, "5"),
        (Kind.INTEGER, True),
        (Kind.INTEGER, 2**63),
        (Kind.INTEGER, float("nan")),
        (Kind.NUMBER, True),
        (Kind.NUMBER, "5"),
        (Kind.BOOLEAN, 1),
        (Kind.TIMESTAMP, "soon"),
        (Kind.TIMESTAMP, 5),
        (Kind.DATE, "2026-13-01"),
        (Kind.TEXT, {"a": 1}),
    ],
)
def test_a_value_of_another_kind_is_a_misfit_with_its_field(kind: Kind, value: Any) -> None:
    with pytest.raises(MisfitError, match="field 'x' is not"):
        to_array(Column("x", kind), [None, value])
    assert misfit([Column("x", kind)], {"x": value}) is not None


def test_a_reason_never_shows_the_value() -> None:
    assert misfit([Column("x", Kind.INTEGER)], {"x": "secret"}) == "field 'x' is not integer"


def test_a_missing_key_is_a_misfit() -> None:
    assert misfit([Column("id", Kind.TEXT, key=True)], {}) == "key field 'id' is missing"


@given(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)))
def test_integers_are_exact(values: list[int | None]) -> None:
    assert to_array(Column("x", Kind.INTEGER), values).to_pylist() == values


@given(
    st.lists(
        st.none() | st.datetimes(min_value=datetime.fromisoformat("1900-01-01"), timezones=st.timezones())
    )
)
def test_moments_land_in_utc(moments: list[datetime | None]) -> None:
    texts = [moment and moment.isoformat() for moment in moments]
    landed = to_array(Column("x", Kind.TIMESTAMP), texts).to_pylist()
    assert [one and one.replace(tzinfo=UTC) for one in landed] == [
        one and one.astimezone(UTC) for one in moments
    ]


@pytest.mark.parametrize("value", ["\ud800", 2**70, Decimal("1.10")])
def test_what_plain_encoding_cannot_hold_is_json_all_the_same(value: object) -> None:
    assert to_json({"a": value}).decode().startswith('{"a":')
