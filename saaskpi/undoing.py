"""Undo over a home: the stage's words, and what the landing must be told."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import TYPE_CHECKING

from connectors.hubspot.anew import gone_object
from connectors.hubspot.writer import HubSpotWriter
from crm_sync.properties import TASKS
from crm_sync.undo import UndoPlan, plan_undo, undo
from saaskpi.imports.home import portal_of
from saaskpi.progress import Report
from saaskpi.results import Undone
from warehouse.deltas import Gone
from warehouse.landing import Landing

if TYPE_CHECKING:
    from saaskpi.pipeline import Pipeline


def planned(pipeline: Pipeline, apply_id: str, report: Report) -> UndoPlan:
    """Say what undoing an apply would do; see ``Pipeline.plan_undo``."""
    plan = plan_undo(apply_id, HubSpotWriter(pipeline.hubspot), pipeline.store)
    found = _counted((len(plan.restore), "values to put back"), (len(plan.archive), "tasks to archive"))
    report(found + (f", {len(plan.left)} changed since and left" if plan.left else ""))
    return plan


def undone(pipeline: Pipeline, apply_id: str, now: Callable[[], datetime], report: Report) -> Undone:
    """Put back what an apply wrote; see ``Pipeline.undo``."""
    writer = HubSpotWriter(pipeline.hubspot)
    plan = plan_undo(apply_id, writer, pipeline.store)
    result = undo(
        plan,
        portal_of(pipeline.store),
        writer,
        pipeline.store,
        now,
        lambda stage, done, total: report(f"{stage}: {done} of {total}"),
    )
    refused = {key for kind, key, _ in result.failures if kind == TASKS}
    _note_gone(pipeline.landing, TASKS, {*plan.archive, *plan.gone} - refused, now())
    values, tasks = result.fields_restored, result.tasks_archived
    words = _counted((values, "values put back"), (tasks, "tasks archived"))
    report(words, values=values, tasks=tasks)
    return Undone(plan, result)


def _note_gone(landing: Landing, object_type: str, ids: Collection[str], now: datetime) -> None:
    """Note in the landing what is not in HubSpot any more: no search for changes would tell."""
    if ids:
        gone = [Gone(*rule) for id_ in sorted(ids) for rule in gone_object(object_type, id_)]
        with landing.begin_delta(now, gone):
            pass


def _counted(*parts: tuple[int, str]) -> str:
    return ", ".join(f"{count} {what}" for count, what in parts if count) or "nothing to take back"
