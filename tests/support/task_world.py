"""Flags that go up and down, people who work on tasks, runs that are cut: what becomes of the tasks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from crm_sync.apply import apply
from crm_sync.model import Plan
from crm_sync.plan import PlanSettings, build_plan
from crm_sync.properties import TASK_KEY
from crm_sync.recording import ApplyResult
from enrichment import money
from saaskpi.errors import UnavailableError
from tests.support.crm import (
    NOW,
    FakeCrm,
    account,
    episode,
    episodes_frame,
    flag,
    inputs_from,
    objects_frame,
)
from warehouse.store import Store

RULE = "payment_failed"


@dataclass
class TaskWorld:
    """One portal, one store, and the days that go by.

    Attributes:
        up: severity of the flag by account, for those that are up.
        episode_days: within which a flag that returns carries on its episode.
        pulled: what was last read of the tasks; None reads them before each plan.
    """

    crm: FakeCrm
    store: Store
    settings: PlanSettings = field(default_factory=PlanSettings)
    now: datetime = NOW
    up: dict[str, str] = field(default_factory=dict)
    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    episode_days: int = 30
    pulled: pd.DataFrame | None = None
    episodes: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    runs: int = 0

    def __post_init__(self) -> None:
        for number, id_ in enumerate(self.crm.companies, start=1):
            self.accounts.setdefault(id_, account(id_, number))
        self.wait(0)

    def wait(self, days: float) -> None:
        """Let time go by."""
        self.now += timedelta(days=days)
        self.crm.today = self.now.isoformat()

    def pull(self) -> None:
        """Read the tasks; plans use this until it is read again."""
        self.pulled = objects_frame(self.crm.tasks)

    def look(self) -> None:
        """Compute: the flags that are up carry on or open their episodes, as ``health.episodes`` does."""
        self.runs += 1
        run_id, rows = f"run-{self.runs}", []
        for id_ in dict.fromkeys([*self.episodes, *self.up]):
            found = self.episodes.setdefault(id_, [])
            last = found[-1] if found else None
            if last and last["closed_at"] is None and id_ not in self.up:
                last["closed_at"] = self.now
            elif id_ in self.up and not (last and self._goes_on(last)):
                found.append({**episode(id_, RULE, f"{self.now:%Y-%m-%d}"), "opened_at": self.now})
            elif last and id_ in self.up:
                last["closed_at"] = None
            rows += found
        self.store.begin_run(run_id, self.now, self.now, 1)
        self.store.finish_run(run_id, self.now, {}, episodes_frame(rows))

    def _goes_on(self, last: dict[str, Any]) -> bool:
        closed, today = last["closed_at"], f"{self.now:%Y-%m-%d}"
        days = timedelta(days=self.episode_days)
        return closed is None or self.now - closed <= days or last["episode"] == today

    def plan(self) -> Plan:
        inputs = inputs_from(
            self.crm,
            self.store,
            list(self.accounts.values()),
            self._flags(),
            run_id=f"run-{self.runs}",
            pulled_at=self.now,
        )
        if self.pulled is not None:
            inputs = replace(inputs, tasks=self.pulled)
        return build_plan(inputs, self.settings, money, self.now)

    def run(self) -> ApplyResult:
        """Compute, plan and apply."""
        self.look()
        return self.apply(self.plan())

    def apply(self, plan: Plan) -> ApplyResult:
        return apply(plan, self.crm, self.store, lambda: self.now)

    def cut(self, call: int, *, after: bool) -> bool:
        """Run with the line cut at the nth call (from now); tell whether it got that far."""
        self.crm.fail_at, self.crm.after = len(self.crm.calls) + call, after
        try:
            self.run()
        except UnavailableError:
            return True
        finally:
            self.crm.fail_at = None
        return False

    def person_sets(self, id_: str, **values: str) -> None:
        """Let a person change a task in HubSpot."""
        self.crm.put_task(id_, values)

    def open_tasks(self) -> dict[str, dict[str, str]]:
        return {id_: task for id_, task in self.crm.tasks.items() if task["hs_task_status"] != "COMPLETED"}

    def keys(self) -> list[str]:
        """Return what each task is about: its key, or its reference where the portal keeps no key."""
        return sorted(
            task.get(TASK_KEY) or task["hs_task_body"].rpartition("ref: ")[2][:16]
            for task in self.crm.tasks.values()
        )

    def _flags(self) -> list[dict[str, Any]]:
        return [flag(id_, RULE, severity) for id_, severity in self.up.items() if id_ in self.accounts]
