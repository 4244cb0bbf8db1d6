"""Points: nothing is lost on the way, medians stand for what is missing, absent sources are dropped."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from enrichment.health.config import HealthConfig
from enrichment.health.signals import COMPONENTS, SIGNALS
from enrichment.health.weighing import ASSUMED, MEASURED, MISSING, weigh

POINTS = [signal.points for signal in SIGNALS]
OWNERS = [signal.component for signal in SIGNALS]
NAN = np.nan


def test_fourteen_signals_share_a_hundred_points() -> None:
    assert len(SIGNALS) == 14
    assert sum(POINTS) == 100
    shares = {name: sum(p for p, c in zip(POINTS, OWNERS, strict=True) if c == name) for name in COMPONENTS}
    assert shares == {"usage": 40, "engagement": 20, "satisfaction": 20, "history": 20}


fractions = hnp.arrays(
    np.float64,
    st.tuples(st.integers(0, 30), st.just(len(SIGNALS))),
    elements=st.one_of(st.just(NAN), st.floats(0, 1)),
)
configs = st.builds(
    HealthConfig,
    median_accounts=st.integers(0, 30),
    source_absent=st.integers(0, 100),
    fallback_fill=st.integers(0, 100),
    points=st.dictionaries(st.sampled_from([s.id for s in SIGNALS]), st.floats(0.5, 50)),
)


@given(fractions, configs)
def test_score_and_lost_and_assumed_points_are_a_hundred(given: np.ndarray, config: HealthConfig) -> None:
    points = [config.points.get(signal.id, signal.points) for signal in SIGNALS]
    found = weigh(given, points, OWNERS, config)
    if len(found.dropped) == len(COMPONENTS):
        assert not found.maxima.any()
        return
    parts = found.total + found.lost.sum(axis=1) + found.withheld.sum(axis=1)
    assert parts == pytest.approx(np.full(len(given), 100.0))
    assert found.maxima.sum() == pytest.approx(100)
    assert ((found.total > -1e-9) & (found.total < 100 + 1e-9)).all()
    assert ((found.coverage > -1e-9) & (found.coverage < 1 + 1e-9)).all()
    assert (found.lost[found.state != MEASURED] == 0).all()
    assert (found.withheld[found.state == MEASURED] == 0).all()


@given(fractions)
def test_the_order_of_accounts_changes_nothing(given: np.ndarray) -> None:
    order = np.arange(len(given))[::-1]
    one = weigh(given, POINTS, OWNERS, HealthConfig())
    other = weigh(given[order], POINTS, OWNERS, HealthConfig())
    assert other.total == pytest.approx(one.total[order])
    assert one.dropped == other.dropped


def history_only(rows: int) -> np.ndarray:
    given = np.full((rows, len(SIGNALS)), NAN)
    given[:, [i for i, owner in enumerate(OWNERS) if owner == "history"]] = 0.5
    return given


def test_sources_that_nobody_has_are_dropped_and_the_rest_rescaled() -> None:
    found = weigh(history_only(5), POINTS, OWNERS, HealthConfig())
    assert found.dropped == ("usage", "engagement", "satisfaction")
    assert found.total == pytest.approx([50.0] * 5)
    assert found.coverage == pytest.approx([1.0] * 5)
    assert found.measured_accounts == {"usage": 0, "engagement": 0, "satisfaction": 0, "history": 5}
    assert (found.state[:, 0] == MISSING).all()


@pytest.mark.parametrize("having, dropped", [(2, False), (1, True)])
def test_a_source_is_dropped_when_more_than_four_fifths_lack_it(having: int, dropped: bool) -> None:
    given = history_only(10)
    usage = [i for i, owner in enumerate(OWNERS) if owner == "usage"]
    given[np.ix_(range(having), usage)] = 1.0
    found = weigh(given, POINTS, OWNERS, HealthConfig())
    assert ("usage" in found.dropped) == dropped


@pytest.mark.parametrize("having, fill", [(19, 0.60), (20, 0.25)])
def test_a_missing_component_takes_the_median_of_twenty_accounts_else_sixty_per_cent(
    having: int, fill: float
) -> None:
    given = history_only(having + 1)
    usage = [i for i, owner in enumerate(OWNERS) if owner == "usage"]
    given[np.ix_(range(having), usage)] = 0.25
    found = weigh(given, POINTS, OWNERS, HealthConfig())
    assert found.earned[-1, usage].sum() == pytest.approx(fill * found.maxima[usage].sum())
    assert (found.state[-1, usage] == ASSUMED).all()
    assert found.coverage[-1] == pytest.approx(20 / 60)


def test_half_of_a_component_speaks_for_the_rest_of_it() -> None:
    given = history_only(1)
    history = [i for i, owner in enumerate(OWNERS) if owner == "history"]
    given[0, history] = [1.0, NAN, 0.0, NAN]  # payments 7 and tenure 4 of 20 are measured
    found = weigh(given, POINTS, OWNERS, HealthConfig())
    assert found.total == pytest.approx([100 * 7 / 11])
    assert found.state[0, history].tolist() == [MEASURED, ASSUMED, MEASURED, ASSUMED]
    given[0, history] = [NAN, 1.0, 1.0, NAN]  # 9 of 20 are not half
    assert weigh(given, POINTS, OWNERS, HealthConfig()).dropped == COMPONENTS
