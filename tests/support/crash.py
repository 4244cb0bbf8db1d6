"""Kills a stage of the pipeline with SIGKILL at a random moment, in a process of its own."""

from __future__ import annotations

import multiprocessing
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from saaskpi.pipeline import Pipeline
from saaskpi.progress import Silent
from saaskpi.settings import Settings

if TYPE_CHECKING:
    from sandbox import Sandbox

# A server that has imported everything forks each child: a child starts within milliseconds, without threads.
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.support.crash", "duckdb", "alembic.command"])


def _stages(settings: Settings, stages: tuple[str, ...]) -> None:
    pipeline = Pipeline(settings, now=lambda: datetime.now(UTC), stages=Silent())
    for stage in stages:
        getattr(pipeline, stage)()


def run_stages(settings: Settings, *stages: str) -> float:
    """Run stages to their end in a child; return the seconds it took."""
    started = time.monotonic()
    child = _CONTEXT.Process(target=_stages, args=(settings, stages))
    child.start()
    child.join(timeout=500)
    assert child.exitcode == 0, f"{stages} ended with {child.exitcode}"
    return time.monotonic() - started


def kill_stage(settings: Settings, stage: str, after: float) -> bool:
    """Start a stage in a child and kill it; tell whether it was still at work.

    Args:
        settings: where its home and the sandbox are.
        stage: pull, enrich or apply.
        after: seconds from its start to the kill.
    """
    child = _CONTEXT.Process(target=_stages, args=(settings, (stage,)))
    child.start()
    child.join(timeout=after)
    alive = child.is_alive()
    child.kill()
    child.join()
    return alive


def crm_state(sandbox: Sandbox) -> dict[str, Any]:
    """Return what the CRM holds of ours.

    Returns:
        ``companies``: saaskpi values per company, but the time of writing; ``tasks``: per key each task's
        subject and the companies it is linked to.
    """
    tables = sandbox.crm.tables
    companies = {
        record.id: ours
        for record in tables["companies"].live()
        if (ours := {n: v for n, v in record.properties.items() if _stays(n)})
    }
    tasks: dict[str, list[Any]] = {}
    for record in tables["tasks"].live():
        key = record.properties.get("saaskpi_task_key")
        if key:
            links = sorted({to_id for to_id, _ in sandbox.crm.links.of(("tasks", "companies"), record.id)})
            tasks.setdefault(key, []).append((record.properties["hs_task_subject"], links))
    return {"companies": companies, "tasks": tasks}


def _stays(name: str) -> bool:
    return name.startswith("saaskpi_") and name != "saaskpi_updated_at"
