"""What the scheduled jobs do."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from warehouse.backup import back_up
from webhook_server.job_runner import Job, JobContext, SkippedError

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
        written = job.pipeline.apply()
    return {"run_id": enriched.run_id, "accounts": enriched.accounts, **written.result.counts()}


def backup(job: JobContext) -> dict[str, Any]:
    """Keep a checked copy of the store beside it."""
    engine = job.services.store.engine
    if engine.dialect.name != "sqlite":
        raise SkippedError(
            "A store on a server is backed up there.", hint="Use pg_dump; see docs/operations.md."
        )
    copy = back_up(engine, job.services.settings.home / "backups", job.services.now())
    return {"file": copy.name, "bytes": copy.stat().st_size}


JOBS: Mapping[str, Job] = MappingProxyType(
    {
        "pull": pull,
        "full_refresh": full_refresh,
        "enrich_and_apply": enrich_and_apply,
        "backup": backup,
    }
)
"""Every job by name, as the settings (``schedule``) and ``saaskpi jobs`` call it."""
