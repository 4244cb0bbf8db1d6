"""kill -9 in the middle of any stage: the next run completes it, and nobody sees the difference."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from saaskpi.settings import Settings
from tests.support.crash import crm_state, kill_stage, run_stages
from tests.support.inbox_kills import Processing, happen, live_settings, receiving, statuses
from tests.support.kept import COMMON, STAGES, Kept
from tests.support.spine import MakeSandbox, settings_for, write_calls
from warehouse.marts import Marts
from warehouse.store import Store

KILLS = int(os.environ.get("SAASKPI_TEST_KILLS", "3"))
"""Per stage; raise it for a longer search."""
IN_A_ROW = 5
"""So many times one home is hit before somebody lets it finish."""
OF_WHOLE_RUNS = {"saaskpi_cltv", "saaskpi_updated_at"}
OF_THE_WAY = {"band_alerts": ["score"]}
"""The score at the moment of an announcement. A score ranks among all accounts, so it may pass through
another value where events that a calm server takes at once are taken in two parts; the last is the same."""
ROUNDS = min(6, max(2, KILLS // 2))
"""Of happenings in one sandbox; then a new one begins."""


def tables(settings: Settings) -> dict[str, pd.DataFrame]:
    """Return the marts of the current run, in an order that does not depend on the run."""
    with Store.open(settings.home / "saaskpi.db") as store:
        marts = Marts(settings.home / "marts", store.current_run)
        frames = {name: marts.read(name) for name in marts.tables()}
    return {name: _sorted(frame) for name, frame in frames.items()}


def _sorted(frame: pd.DataFrame) -> pd.DataFrame:
    text = frame.astype(str)
    return text.sort_values(list(text.columns)).reset_index(drop=True)


def slow_answers(sandbox: Any) -> None:
    """Make each answer take a while, so that a kill lands between calls as well as within one."""
    from sandbox.faults import Fault

    sandbox.faults.add(Fault("latency", seconds=0.01))


@dataclass(frozen=True)
class Calm:
    """What an undisturbed run leaves, and the seconds that each of its stages took."""

    state: dict[str, Any]
    tables: dict[str, pd.DataFrame]
    seconds: dict[str, float]


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Calm:
    from sandbox import Sandbox

    with Sandbox(customers=20, months=12, seed=7, rate_limits=False) as sandbox:
        slow_answers(sandbox)
        settings = settings_for(sandbox, tmp_path_factory.mktemp("calm") / "home")
        seconds = {stage: run_stages(settings, stage) for stage in STAGES}
        run_stages(settings, "run")
        found = Calm(crm_state(sandbox), tables(settings), seconds)
    assert found.state["companies"]
    assert found.state["tasks"]
    return found


@pytest.mark.slow
@pytest.mark.timeout(600 + 60 * KILLS)
@pytest.mark.parametrize("stage", STAGES)
def test_the_next_run_completes_what_was_killed(
    stage: str, calm: Calm, kept: Kept, make_sandbox: MakeSandbox, tmp_path: Path
) -> None:
    def begin(home: Path) -> tuple[Any, Settings]:
        if stage == STAGES[0]:
            sandbox = make_sandbox(**COMMON)
            return sandbox, settings_for(sandbox, home)
        return kept.begin(home, STAGES[STAGES.index(stage) - 1])

    moments = random.Random(1)
    hit = kills = 0
    while kills < KILLS:
        sandbox, settings = begin(tmp_path / f"home{kills}")
        slow_answers(sandbox)
        for _ in range(min(IN_A_ROW, KILLS - kills)):
            hit += kill_stage(settings, stage, after=calm.seconds[stage] * moments.random() ** 2)
            kills += 1
        run_stages(settings, "run")
        got = crm_state(sandbox)
        assert got == calm.state
        assert all(len(tasks) == 1 for tasks in got["tasks"].values())
        for name, frame in tables(settings).items():
            pd.testing.assert_frame_equal(frame, calm.tables[name], obj=name)
        sandbox.stop()
        print(f"{stage}: {kills} kills, {hit} of them at work", flush=True)
    assert hit > 0


@pytest.mark.slow
@pytest.mark.timeout(600 + 60 * KILLS)
def test_processing_webhooks_completes_what_was_killed(kept: Kept, tmp_path: Path) -> None:
    def begin(name: str) -> tuple[Any, Settings]:
        sandbox, _ = kept.begin(tmp_path / name)
        slow_answers(sandbox)
        return sandbox, live_settings(sandbox, tmp_path / name)

    wanted: list[tuple[Any, dict[str, pd.DataFrame], Any, float]] = []
    undisturbed, calm = begin("calm")
    with receiving(undisturbed, calm):
        for number in range(ROUNDS):
            happen(undisturbed, number)
            assert statuses(calm)["new"]
            seconds = Processing(undisturbed, calm).finish()
            wanted.append((crm_state(undisturbed), tables(calm), statuses(calm, "stripe"), seconds))
    assert len({str(state) for state, *_ in wanted}) == len(wanted), "each round changes the CRM"

    moments, kills, hit, world = random.Random(2), 0, 0, 0
    in_a_row = min(IN_A_ROW, -(-KILLS // ROUNDS))
    while kills < KILLS:
        sandbox, settings = begin(f"live{world}")
        world += 1
        with receiving(sandbox, settings):
            processing = Processing(sandbox, settings)
            for number, (state, marts, stripe, seconds) in enumerate(wanted):
                happen(sandbox, number)
                for _ in range(min(in_a_row, KILLS - kills)):
                    hit += processing.kill(after=seconds * moments.random() ** 2)
                    kills += 1
                processing.finish()
                got = crm_state(sandbox)
                assert got == state
                assert all(len(tasks) == 1 for tasks in got["tasks"].values())
                assert statuses(settings, "stripe") == stripe
                for name, frame in tables(settings).items():
                    passed = OF_THE_WAY.get(name, [])
                    left, right = frame.drop(columns=passed), marts[name].drop(columns=passed)
                    pd.testing.assert_frame_equal(_sorted(left), _sorted(right), obj=name)
                print(f"webhooks: {kills} kills, {hit} of them at work", flush=True)
            calls = len(write_calls(sandbox))
            run_stages(settings, "run")
            written = [one["body"]["inputs"] for one in write_calls(sandbox)[calls:]]
            names = {name for inputs in written for one in inputs for name in one["properties"]}
            # A cancellation changes the churn by which a whole run values all accounts.
            assert names <= OF_WHOLE_RUNS, "a whole run finds something left undone"
        sandbox.stop()
    assert hit > 0
