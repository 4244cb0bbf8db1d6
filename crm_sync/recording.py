"""What an apply did, and how it is remembered batch by batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from crm_sync.ports import Progress, PushLedger, RowOutcome


@dataclass
class ApplyResult:
    """What an apply did.

    Attributes:
        properties_created: definitions created.
        companies_updated: companies written.
        fields_written: fields of them.
        tasks_opened: tasks created.
        tasks_linked: tasks linked to their company.
        tasks_skipped: tasks left out; ``messages`` say why.
        failures: refused rows as (object type, id or key, reason); they are tried again by the next run.
        messages: what a reader should know, one sentence each.
    """

    properties_created: int = 0
    companies_updated: int = 0
    fields_written: int = 0
    tasks_opened: int = 0
    tasks_linked: int = 0
    tasks_skipped: int = 0
    failures: list[tuple[str, str, str]] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)


class Recorder:
    """Remembers each answered batch of one apply.

    Args:
        ledger: outlives the process.
        run_id: of the run whose numbers are written.
        now: written beside each record (UTC, aware).
        progress: is told how far the apply is.
    """

    def __init__(self, ledger: PushLedger, run_id: str, now: datetime, progress: Progress) -> None:
        self.result = ApplyResult()
        self.run_id = run_id
        self.now = now
        self._ledger = ledger
        self._progress = progress

    def batches(
        self, stage: str, answers: Iterable[Sequence[RowOutcome]], total: int
    ) -> Iterator[Sequence[RowOutcome]]:
        """Yield each answered batch; nothing is asked for when there is nothing to write."""
        done = 0
        if total:
            for batch in answers:
                yield batch
                done += len(batch)
                self._progress(stage, done, total)

    def settle(self, object_type: str, batch: Sequence[RowOutcome]) -> None:
        """Remember which rows were refused and forget those that have gone through."""
        bad = [(one.key, one.error or "HubSpot gave no reason.") for one in batch if not one.ok]
        self._ledger.clear_failures(object_type, [one.key for one in batch if one.ok])
        self._ledger.record_failures(
            [
                {
                    "object_type": object_type,
                    "object_id": key,
                    "reason": reason,
                    "run_id": self.run_id,
                    "failed_at": self.now,
                }
                for key, reason in bad
            ]
        )
        self.result.failures += [(object_type, key, reason) for key, reason in bad]
