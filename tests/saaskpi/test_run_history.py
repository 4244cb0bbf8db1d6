"""What a run leaves in the history, and that a history that cannot be written stops nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from saaskpi.errors import AccessError, NeedsPersonError, StoreError
from saaskpi.progress import Silent
from saaskpi.watching.recorded import RecordedStages
from warehouse.history import KEPT_FOR, History
from warehouse.store import Store

NOW = datetime(2026, 10, 31, 8, 0, tzinfo=UTC)


class Clock:
    """Goes on by a second each time it is read."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    with Store.open(tmp_path / "saaskpi.db") as store:
        yield History(store.engine)


def recorded(history: History, caused_by: str = "command") -> RecordedStages:
    return RecordedStages(Silent(), lambda: history, caused_by, Clock())


def test_each_stage_has_its_cause_its_length_and_the_counts_that_came_last(history: History) -> None:
    stages = recorded(history, "nightly")
    with stages.stage("pull") as report:
        report("customers: 500 records", customers=500)
        report("customers: 900 records", customers=900, kept_aside=2)
    (row,) = history.recent()
    assert (row["stage"], row["caused_by"], row["status"]) == ("pull", "nightly", "done")
    assert row["counts"] == {"customers": 900, "kept_aside": 2}
    assert row["finished_at"] - row["started_at"] == timedelta(seconds=1)
    assert row["error"] is None


@pytest.mark.parametrize(
    "error, status, words",
    [
        (AccessError("Stripe refused the key sk_live_abc123.", hint="Mend it."), "failed", "[secret]"),
        (NeedsPersonError("Too many changes.", hint="Use --yes-change 120."), "needs_person", "--yes-change"),
        (ValueError("ann@example.com is wrong"), "failed", "ValueError"),
        (KeyboardInterrupt(), "failed", "KeyboardInterrupt"),
    ],
)
def test_a_failure_is_kept_without_secrets_and_goes_on_up(
    history: History, error: BaseException, status: str, words: str
) -> None:
    stages = recorded(history)
    with pytest.raises(type(error)), stages.stage("apply"):
        raise error
    (row,) = history.recent()
    assert row["status"] == status
    assert words in row["error"]
    assert "sk_live" not in row["error"]
    assert "example.com" not in row["error"]


def test_stages_done_in_one_go_share_a_run_and_a_repeated_one_begins_the_next(history: History) -> None:
    stages = recorded(history)
    for title in ("pull", "enrich", "plan", "apply", "pull", "enrich"):
        with stages.stage(title):
            pass
    runs = [row["run_id"] for row in reversed(history.recent())]
    assert runs[:4] == [runs[0]] * 4
    assert runs[4:] == [runs[4]] * 2
    assert runs[0] != runs[4]


def test_stages_within_a_stage_are_of_its_run(history: History) -> None:
    stages = recorded(history)
    for _ in range(2):
        with stages.stage("refresh"):
            for title in ("plan", "apply"):
                with stages.stage(title):
                    pass
    runs = [row["run_id"] for row in reversed(history.recent())]
    assert [runs.count(run) for run in dict.fromkeys(runs)] == [3, 3]


def test_a_history_that_cannot_be_written_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> History:
        raise StoreError("The disk is full.")

    done = []
    with RecordedStages(Silent(), broken, "command", Clock()).stage("pull") as report:
        report("1 record", records=1)
        done.append("pull")
    assert done == ["pull"]
    assert "history cannot be written" in caplog.text


def test_old_stages_are_forgotten_and_lost_ones_told(history: History) -> None:
    history.end(history.begin("pull", "command", "a", NOW - KEPT_FOR * 2), NOW, "done", {})
    history.begin("enrich", "command", "b", NOW - timedelta(days=2))
    history.begin("apply", "command", "c", NOW - timedelta(minutes=5))
    assert history.prune(NOW) == 1
    assert [(row["stage"], row["status"]) for row in history.recent()] == [
        ("apply", "running"),
        ("enrich", "failed"),
    ]
