"""A computation that is repeated leaves what one in an empty place would."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
import pytest

from warehouse.engine import Engine
from warehouse.rehearsed import RehearsedEngine, UnfitError


@pytest.fixture
def engine() -> Iterator[RehearsedEngine]:
    with RehearsedEngine("200MB", 1) as engine:
        engine.run("landed", "SELECT * FROM (VALUES ('a', 1), ('b', 2), ('b', 3)) t (owner, amount)")
        yield engine


def computed(engine: Engine, owner: str, factor: float) -> list[tuple[object, ...]]:
    """Rows of an owner, a frame, a table that is made twice, and one that is there only sometimes."""
    engine.run("rows", f"SELECT * FROM memory.main.landed WHERE owner = '{owner}'")
    engine.register_frame("factors", pd.DataFrame({"factor": [factor]}))
    with engine.unoptimized():
        engine.run("sums", "SELECT owner, SUM(amount) AS total FROM rows GROUP BY owner")
        engine.run("sums", "SELECT owner, total + 1 AS total FROM sums")
        engine.run("worth", "SELECT owner, total * factor AS worth FROM sums, factors")
        if owner == "b":
            engine.run("many", "SELECT COUNT(*) AS n FROM rows")
        engine.run("told", f"SELECT {len(engine.columns('many'))} AS columns")
        return [
            *engine.frame("SELECT * FROM worth").itertuples(index=False, name=None),
            *engine.frame("told").itertuples(index=False, name=None),
        ]


def broken_off(engine: RehearsedEngine) -> None:
    with engine.rehearsed(), engine.unoptimized():
        engine.run("rows", "SELECT * FROM memory.main.landed")
        raise KeyError


@pytest.mark.parametrize("settled", ["each time", "now and then", "late"])
def test_each_time_is_as_the_first_time_in_an_empty_place(engine: RehearsedEngine, settled: str) -> None:
    for turn, (owner, factor) in enumerate([("b", 1), ("b", 2), ("a", 1.5), ("b", 3), ("c", 1), ("b", 1)]):
        with engine.inside("fresh"):
            expected = computed(engine, owner, factor)
        with engine.rehearsed():
            assert computed(engine, owner, factor) == expected
        if settled == "each time" or turn == 4 or (settled == "now and then" and turn % 2):
            engine.settle()
    assert engine._prepared
    assert engine.columns("rows") == []


def test_other_columns_than_before_do_not_fit_and_are_learnt_anew(engine: RehearsedEngine) -> None:
    for _ in range(2):
        with engine.rehearsed():
            computed(engine, "b", 1)
        engine.settle()
    with pytest.raises(UnfitError), engine.rehearsed():
        engine.run("rows", "SELECT owner, amount, 1 AS more FROM memory.main.landed")
    for _ in range(3):
        with engine.rehearsed():
            engine.run("rows", "SELECT owner, amount, 1 AS more FROM memory.main.landed")
            assert engine.columns("rows") == ["owner", "amount", "more"]
        engine.settle()


def test_what_cannot_be_prepared_is_learnt_anew(engine: RehearsedEngine) -> None:
    def computed_twice() -> list[object]:
        answers: list[object] = []
        for _ in range(2):
            with engine.rehearsed(), engine.unoptimized():
                engine.run("rows", "SELECT * FROM memory.main.landed WHERE owner = 'b'")
                answers.append(engine.frame("SELECT SUM(amount) AS total FROM rows")["total"].tolist())
        return answers

    expected = computed_twice()
    engine.run("landed", "SELECT 'b' AS other")
    engine.settle()
    assert not engine._prepared
    engine.run("landed", "SELECT 'b' AS owner, 5 AS amount")
    assert computed_twice() == expected
    engine.settle()
    assert computed_twice() == expected


def test_an_error_within_leaves_nothing_behind(engine: RehearsedEngine) -> None:
    for _ in range(3):
        with pytest.raises(KeyError):
            broken_off(engine)
    with engine.rehearsed():
        assert computed(engine, "a", 2) == [("a", 4.0), (0,)]
    assert engine.frame("SELECT COUNT(*) AS n FROM landed")["n"].tolist() == [3]
