"""Conditions against an oracle of their own: plain Python, one account at a time, None for unknown."""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import date, timedelta
from functools import reduce
from math import isfinite, isnan
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from enrichment.health.columns import MOST_NUMBER, Columns
from enrichment.health.rules import parse
from enrichment.health.rules.conditions import FALSE, TRUE, UNKNOWN
from tests.enrichment.facts import facts

Row = dict[str, Any]
Told = tuple[str, Callable[[Row], Any]]
"""What is written, and what it says of an account."""

NUMBERS: Final = ("mrr", "tickets", "days_to_renewal", "limit_share")
TEXTS: Final = ("name", "plan", "owner_name")
DATES: Final = ("renewal_date", "customer_since")
TRUTHS: Final = ("is_only_method", "is_weekly_user")
SIGNS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
DAY: Final = date(2026, 1, 1)
WORDS: Final = ("Pro", "pro", "Éclair", "it's", "x")


def number_of(row: Row, name: str) -> float | None:
    value = row[name]
    if value is None or isnan(value) or not isfinite(value) or abs(value) >= MOST_NUMBER:
        return None
    return None if value < 0 and name != "days_to_renewal" else float(value)


def compare(sign: str, left: Any, right: Any) -> bool | None:
    return None if left is None or right is None else SIGNS[sign](left, right)


def both(left: bool | None, right: bool | None) -> bool | None:
    if left is False or right is False:
        return False
    return None if left is None or right is None else True


def contrary(value: bool | None) -> bool | None:
    return None if value is None else not value


def either(left: bool | None, right: bool | None) -> bool | None:
    return contrary(both(contrary(left), contrary(right)))


def calculated(sign: str, left: Told, right: Told) -> Told:
    count = {"+": operator.add, "-": operator.sub, "*": operator.mul}[sign]

    def value(row: Row) -> float | None:
        one, other = left[1](row), right[1](row)
        return None if one is None or other is None else count(one, other)

    return f"({left[0]} {sign} {right[0]})", value


def named_number(name: str) -> Told:
    return name, lambda row: number_of(row, name)


def named_text(name: str) -> Told:
    return name, lambda row: row[name].casefold() if row[name] else None


def named(name: str) -> Told:
    return name, lambda row: row[name]


def constant(text: str, value: Any) -> Told:
    return text, lambda _: value


def negative(told: Told) -> Told:
    return f"-{told[0]}", lambda row: None if told[1](row) is None else -told[1](row)


numbers: st.SearchStrategy[Told] = st.recursive(
    st.one_of(
        st.sampled_from(NUMBERS).map(named_number),
        st.integers(0, 50).map(lambda n: constant(str(n), float(n))),
        st.integers(0, 40).map(lambda n: constant(f"{n / 4}", n / 4)),
    ),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from("+-*"), inner, inner).map(lambda parts: calculated(*parts)),
        inner.map(negative),
    ),
    max_leaves=3,
)
texts: st.SearchStrategy[Told] = st.one_of(
    st.sampled_from(TEXTS).map(named_text),
    st.sampled_from(WORDS).map(lambda word: constant("'" + word.replace("'", "''") + "'", word.casefold())),
)
days: st.SearchStrategy[Told] = st.one_of(
    st.sampled_from(DATES).map(named),
    st.integers(0, 5).map(lambda n: constant(f"'{DAY + timedelta(n)}'", DAY + timedelta(n))),
)


def compared(sign: str, left: Told, right: Told) -> Told:
    return f"{left[0]} {sign} {right[0]}", lambda row: compare(sign, left[1](row), right[1](row))


def within(left: Told, options: list[Told], is_in: bool) -> Told:
    listed = ", ".join(option[0] for option in options)

    def value(row: Row) -> bool | None:
        found = reduce(either, [compare("=", left[1](row), option[1](row)) for option in options])
        return found if is_in else contrary(found)

    return f"{left[0]} {'in' if is_in else 'not in'} ({listed})", value


def known(told: Told, wanted: bool) -> Told:
    return (
        f"{told[0]} is {'known' if wanted else 'unknown'}",
        lambda row: (told[1](row) is not None) == wanted,
    )


def joined(word: str, parts: list[Told]) -> Told:
    join = both if word == "and" else either
    text = f" {word} ".join(f"({part[0]})" for part in parts)
    return text, lambda row: reduce(join, [part[1](row) for part in parts])


def denied(told: Told) -> Told:
    return f"not ({told[0]})", lambda row: contrary(told[1](row))


def about(column: st.SearchStrategy[Told], values: st.SearchStrategy[Told]) -> st.SearchStrategy[Told]:
    """Comparisons whose left side is a column, so that a text beside it can be read as a day."""
    return st.one_of(
        st.tuples(column, st.lists(values, min_size=1, max_size=3), st.booleans()).map(lambda p: within(*p)),
        st.tuples(column, st.booleans()).map(lambda p: known(*p)),
    )


comparisons: st.SearchStrategy[Told] = st.one_of(
    st.tuples(st.sampled_from([*SIGNS]), numbers, numbers).map(lambda p: compared(*p)),
    st.tuples(st.sampled_from(["=", "!="]), texts, texts).map(lambda p: compared(*p)),
    st.tuples(st.sampled_from([*SIGNS]), st.sampled_from(DATES).map(named), days).map(lambda p: compared(*p)),
    st.sampled_from(TRUTHS).map(named),
    about(numbers, numbers),
    about(st.sampled_from(TEXTS).map(named_text), texts),
    about(st.sampled_from(DATES).map(named), days),
)
conditions: st.SearchStrategy[Told] = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        inner.map(denied),
        st.tuples(st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=4)).map(
            lambda p: joined(*p)
        ),
    ),
    max_leaves=6,
)

odd_numbers = st.sampled_from([None, float("nan"), float("inf"), float("-inf"), -3.0, 1e15, 1e300])
rows: st.SearchStrategy[Row] = st.fixed_dictionaries(
    {
        **{name: st.one_of(st.integers(0, 60).map(float), odd_numbers) for name in NUMBERS},
        **{name: st.one_of(st.sampled_from(WORDS), st.sampled_from([None, ""])) for name in TEXTS},
        **{name: st.one_of(st.none(), st.integers(0, 5).map(lambda n: DAY + timedelta(n))) for name in DATES},
        **{name: st.sampled_from([None, True, False]) for name in TRUTHS},
    }
)


@settings(max_examples=120, deadline=None)
@given(
    conditions.filter(lambda told: any(name in told[0] for name in (*NUMBERS, *TEXTS, *DATES, *TRUTHS))),
    st.lists(rows, min_size=1, max_size=6),
)
def test_a_condition_is_true_where_the_oracle_says_so(condition: Told, accounts: list[Row]) -> None:
    text, oracle = condition
    truths = parse(text).read(
        Columns(
            facts(*accounts).assign(
                owner_name=[row["owner_name"] for row in accounts], plan=[row["plan"] for row in accounts]
            )
        )
    )
    expected = [{True: TRUE, False: FALSE, None: UNKNOWN}[oracle(row)] for row in accounts]
    assert truths.tolist() == expected, text
