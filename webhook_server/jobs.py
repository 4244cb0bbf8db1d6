"""What the scheduled jobs do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final

from saaskpi.balancing import NotReconciledError
from saaskpi.erasing import finish_erasures
from saaskpi.errors import SaaskpiError
from warehouse.access import AuditLog
from warehouse.alerts import AlertLog
from warehouse.backup import back_up
from warehouse.history import History
from warehouse.inbox import Inbox
from warehouse.jobs import JobLedger
from webhook_server.job_runner import Job, JobContext, SkippedError

KEPT_FOR: Final = timedelta(days=90)
"""How long the records of jobs are kept."""
PATIENCE: Final = 600.0
"""Seconds that a job waits for a person's command or a webhook's work in the same home."""


def pull(job: JobContext) -> dict[str, Any]:
    """Read what has changed at Stripe and HubSpot."""
    result = job.pipeline.pull()
    return {"rows": sum(result.rows.values()), "rejected": sum(result.rejected.values())}


def full_refresh(job: JobContext) -> dict[str, Any]:
    """Read everything anew, compute and write."""
    return pull(job) | enrich_and_apply(job)


def enrich_and_apply(job: JobContext) -> dict[str, Any]:
    """Compute every account from what was read, and write to the CRM."""
    with job.pipeline.alone(PATIENCE):
        enriched = job.pipeline.enrich()
        job.check()
        audit = AuditLog(job.services.store.engine)
        with audit.recording(job.services.now, f"job:{job.name}", "apply", enriched.run_id) as detail:
            written = job.pipeline.apply()
            detail |= {"plan_hash": written.plan.hash, **written.result.counts()}
    return {"run_id": enriched.run_id, "accounts": enriched.accounts, **written.result.counts()}


def reconcile(job: JobContext) -> dict[str, Any]:
    """Compute everything anew and hold the numbers against each other."""
    with _telling(job, "mrr_not_reconciled", NotReconciledError), job.pipeline.alone(PATIENCE):
        found = job.pipeline.reconcile()
    return {"customers": found.customers, "mrr": found.mrr}


def compact(job: JobContext) -> dict[str, Any]:
    """Fold what was read bit by bit into whole files, and forget what need not be known any more."""
    services, now = job.services, job.services.now()
    engine = services.store.engine
    if services.alerts and not Inbox(engine).counts().dead:
        services.alerts.over("dead_letters", "webhooks")
    payloads_before = now - timedelta(days=services.settings.server.payload_days)
    with _telling(job, "run_failed", SaaskpiError):
        return {
            "streams_folded": len(job.pipeline.landing.compact()),
            "payloads_forgotten": Inbox(engine).forget_payloads(payloads_before),
            "stages_forgotten": History(engine).prune(now),
            "alerts_forgotten": AlertLog(engine).prune(now),
            "erasures_finished": finish_erasures(job.pipeline),
            "job_runs_forgotten": JobLedger(engine).forget(now - KEPT_FOR),
        }


def backup(job: JobContext) -> dict[str, Any]:
    """Keep a checked copy of the store beside it."""
    engine = job.services.store.engine
    if engine.dialect.name != "sqlite":
        raise SkippedError(
            "A store on a server is backed up there.", hint="Use pg_dump; see docs/operations.md."
        )
    with _telling(job, "run_failed", SaaskpiError):
        copy = back_up(engine, job.services.settings.home / "backups", job.services.now())
    return {"file": copy.name, "bytes": copy.stat().st_size}


@contextmanager
def _telling(job: JobContext, kind: str, trouble: type[SaaskpiError]) -> Iterator[None]:
    """Raise an alert for what no stage of a run tells of, and end it when the job is done again."""
    alerts = job.services.alerts
    try:
        yield
    except trouble as error:
        if alerts:
            alerts.raise_(kind, job.name, f"{job.name}: {error}")
        raise
    if alerts:
        alerts.over(kind, job.name)


JOBS: Mapping[str, Job] = MappingProxyType(
    {
        "pull": pull,
        "full_refresh": full_refresh,
        "enrich_and_apply": enrich_and_apply,
        "reconcile": reconcile,
        "compact": compact,
        "backup": backup,
    }
)
"""Every job by name, as the settings (``schedule``) and ``saaskpi jobs`` call it."""
