"""HubSpot's texts become values of the types that the portal defines."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.hubspot.values import PropertyReader, schema_of


def read(kind: str, text: str | None) -> tuple[Any, dict[str, str]]:
    values, unfit = PropertyReader({"p": {"type": kind}}).read({"p": text})
    return values["p"], unfit


@pytest.mark.parametrize(
    "kind, text, value",
    [
        ("number", "12900", 12900),
        ("number", "-0.5", -0.5),
        ("number", "1.2E7", 12_000_000.0),
        ("number", "9007199254740993", 9007199254740993),
        ("number", "1" + "0" * 25, 1e25),
        ("bool", "true", True),
        ("bool", "false", False),
        ("date", "2026-02-28", "2026-02-28"),
        ("date", "1793404800000", "2026-10-31"),
        ("date", "2026-02-28T00:00:00Z", "2026-02-28"),
        ("datetime", "2026-02-28T10:11:12.013Z", "2026-02-28T10:11:12.013Z"),
        ("datetime", "2026-02-28T10:11:12+02:00", "2026-02-28T08:11:12.000Z"),
        ("datetime", "1793404800123", "2026-10-31T00:00:00.123Z"),
        ("datetime", "20260228T101112Z", "2026-02-28T10:11:12.000Z"),
        ("enumeration", "true", "true"),
        ("enumeration", "a;b", "a;b"),
        ("string", "0012", "0012"),
        ("phone_number", "+33 1", "+33 1"),
    ],
)
def test_real_types(kind: str, text: str, value: Any) -> None:
    assert read(kind, text) == (value, {})
    assert type(read(kind, text)[0]) is type(value)


@pytest.mark.parametrize(
    "kind", ["number", "bool", "date", "datetime", "string", "enumeration", "unheard_of"]
)
@pytest.mark.parametrize("text", [None, ""])
def test_no_value_is_null(kind: str, text: str | None) -> None:
    assert read(kind, text) == (None, {})


@pytest.mark.parametrize(
    "kind, text",
    [
        ("number", "many"),
        ("number", "nan"),
        ("number", "1e999"),
        ("number", "9" * 400),
        ("bool", "yes"),
        ("date", "soon"),
        ("date", "2026-02-30"),
        ("datetime", "-99999999999999"),
        ("datetime", "yesterday"),
    ],
)
def test_what_does_not_fit_is_null_kept_and_counted(kind: str, text: str) -> None:
    reader = PropertyReader({"p": {"type": kind}, "q": {"type": "string"}})
    for _ in range(2):
        assert reader.read({"p": text, "q": "x"}) == ({"p": None, "q": "x"}, {"p": text})
    assert reader.misfits == {"p": 2}


@given(st.sampled_from(["number", "bool", "date", "datetime", "string"]), st.text())
def test_nothing_is_lost_and_everything_is_json(kind: str, text: str) -> None:
    value, unfit = read(kind, text)
    json.dumps(value, allow_nan=False)
    assert not text or value is not None or unfit == {"p": text}


def test_schemas() -> None:
    assert schema_of({"type": "number"}) == {"type": ["number", "null"]}
    assert schema_of({"type": "datetime"})["format"] == "date-time"
    assert schema_of({"type": "enumeration", "fieldType": "checkbox"}) == {"type": ["string", "null"]}
