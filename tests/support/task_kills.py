"""Opens the tasks of one plan over real HTTP in a process of its own, which can be killed at any moment."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.writer import HubSpotWriter
from connectors.rate_limiter import RateLimiter
from crm_sync.apply import apply
from crm_sync.guards import Allowed
from crm_sync.model import MadeFrom, Plan, TaskAction
from crm_sync.recording import ApplyResult
from crm_sync.task_texts import reference
from crm_sync.tasks import task_key
from tests.support.crm import NOW
from warehouse.store import Store

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.support.task_kills"])


def plan_of(portal_id: str, companies: list[str], count: int, episode: str) -> Plan:
    """Return a plan of so many tasks, dealt out to the companies."""
    tasks = []
    for number in range(count):
        company = companies[number % len(companies)]
        key = task_key(portal_id, company, f"rule_{number}", episode)
        words = {"subject": f"Call {number}", "body": f"Why.<br>{reference(key)}"}
        tasks.append(
            TaskAction(
                key, "open", None, company, company, "Company", f"rule_{number}",
                due=NOW, priority="LOW", type="CALL", **words,
            )
        )  # fmt: skip
    return Plan(made_from=MadeFrom("run-1", 1, portal_id), created_at=NOW, tasks=tasks)


def open_tasks(plan: str, base: str, token: str, store: Path, later: float = 0) -> ApplyResult:
    """Apply a plan (its file's text) with a clock that is ahead by so many seconds."""
    read, client = Plan.from_json(plan), HubSpotClient(token, base, limiter=RateLimiter(100_000))
    with Store.open(store) as opened:
        clock: Callable[[], datetime] = lambda: datetime.now(UTC) + timedelta(seconds=later)  # noqa: E731
        return apply(read, HubSpotWriter(client), opened, clock, allowed=Allowed(tasks=len(read.tasks)))


def kill_while_opening(plan: str, base: str, token: str, store: Path, after: float) -> bool:
    """Kill it after so many seconds; tell whether it was still at work."""
    child = _CONTEXT.Process(target=open_tasks, args=(plan, base, token, store))
    child.start()
    child.join(timeout=after)
    alive = child.is_alive()
    child.kill()
    child.join()
    return alive


def seconds_to_open(plan: str, base: str, token: str, store: Path) -> float:
    """Return how long it takes in a child, undisturbed."""
    child = _CONTEXT.Process(target=open_tasks, args=(plan, base, token, store))
    started = time.monotonic()
    child.start()
    child.join(timeout=100)
    assert child.exitcode == 0
    return time.monotonic() - started
