"""What an apply did, and how it is remembered batch by batch."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from connectors.hubspot.client import BATCH, chunks
from crm_sync.canonical import canonical
from crm_sync.ports import CrmWriter, Progress, PushLedger, RowOutcome


@dataclass
class ApplyResult:
    """What an apply did.

    Attributes:
        properties_created: definitions created.
        companies_updated: companies written.
        fields_written: fields of them.
        edits_overwritten, edits_kept: values of ours that somebody had changed in HubSpot.
        tasks_opened: tasks created.
        tasks_linked: tasks linked to their company.
        tasks_completed: tasks completed, as their flag is down.
        tasks_commented: tasks that got a line instead.
        tasks_updated: tasks that got another owner or priority, or were opened again.
        tasks_skipped: tasks left for the next run; ``messages`` say why.
        failures: refused rows as (object type, id or key, reason); they are tried again by the next run.
        messages: what a reader should know, one sentence each.
    """

    properties_created: int = 0
    companies_updated: int = 0
    fields_written: int = 0
    edits_overwritten: int = 0
    edits_kept: int = 0
    tasks_opened: int = 0
    tasks_linked: int = 0
    tasks_completed: int = 0
    tasks_commented: int = 0
    tasks_updated: int = 0
    tasks_skipped: int = 0
    failures: list[tuple[str, str, str]] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """Return the numbers alone, for the history."""
        numbers = {name: value for name, value in vars(self).items() if isinstance(value, int)}
        return {**numbers, "failures": len(self.failures)}


TEXTS = frozenset({"hs_task_subject", "hs_task_body"})
"""Properties whose texts may name people: of them the ledger keeps a fingerprint."""


def kept_form(name: str, value: str) -> str:
    """Return a written value as the ledger keeps it: texts that may name people as a fingerprint."""
    if name not in TEXTS or not value or value.startswith("sha256:"):
        return value
    return "sha256:" + hashlib.sha256(canonical(value, "string").encode()).hexdigest()


Written = Mapping[str, Mapping[str, tuple[str, str]]]
"""Per object id and property the value before and the one that takes its place."""


class Recorder:
    """Remembers each batch of one apply, before it goes out and once it is answered.

    Args:
        ledger: outlives the process.
        apply_id: what everything written is put down under.
        run_id: of the run whose numbers are written.
        clock: tells the time (UTC, aware) that is written beside each record.
        progress: is told how far the apply is.
    """

    def __init__(
        self,
        ledger: PushLedger,
        apply_id: str,
        run_id: str,
        clock: Callable[[], datetime],
        progress: Progress,
    ) -> None:
        self.result = ApplyResult()
        self.apply_id = apply_id
        self.run_id = run_id
        self._ledger = ledger
        self._clock = clock
        self._progress = progress

    @property
    def now(self) -> datetime:
        """The time (UTC, aware)."""
        return self._clock()

    def update(self, writer: CrmWriter, object_type: str, changes: Written) -> Iterator[Sequence[RowOutcome]]:
        """Set properties of objects, and put each batch down before it goes out.

        Whoever is killed before the answer is put down has lost no value that stood there before.

        Args:
            writer: of the portal.
            object_type: such as ``companies``.
            changes: what each object is to hold.

        Yields:
            Each answered batch.
        """
        for part in chunks(list(changes), BATCH):
            batch = {object_id: changes[object_id] for object_id in part}
            self.intend(object_type, batch)
            yield from writer.update(object_type, [(id_, _new(values)) for id_, values in batch.items()])

    def intend(self, object_type: str, written: Written) -> None:
        """Put down what is about to be written.

        Args:
            object_type: such as ``companies``.
            written: what each object holds and is to hold; of tasks that are about to be created by key.
        """
        self._ledger.intend(self._rows(object_type, written, "intended_at"))

    def remember(self, object_type: str, written: Written) -> None:
        """Put down what was written, so that it can be put back.

        Args:
            object_type: such as ``companies``.
            written: what each object held, and holds now.
        """
        # After the answer: whoever began to read later has read these values.
        self._ledger.record_pushed(self._rows(object_type, written, "written_at"))

    def _rows(
        self, object_type: str, written: Written, moment: Literal["intended_at", "written_at"]
    ) -> list[dict[str, Any]]:
        at = self.now
        return [
            {
                "object_type": object_type,
                "object_id": object_id,
                "property": name,
                "old_value": kept_form(name, old),
                "value": kept_form(name, new),
                "apply_id": self.apply_id,
                moment: at,
            }
            for object_id, values in written.items()
            for name, (old, new) in values.items()
        ]

    def remember_edits(
        self,
        object_type: str,
        edits: Sequence[tuple[str, str, str, str]],
        action: Literal["kept", "overwritten"],
    ) -> None:
        """Put down values of ours that somebody else changed.

        Args:
            object_type: such as ``companies``.
            edits: object id, property, what we had written, what was found.
            action: what became of what was found.
        """
        names = ("object_id", "property", "ours", "theirs")
        more = {"object_type": object_type, "apply_id": self.apply_id, "action": action, "seen_at": self.now}
        if edits:
            self._ledger.record_drift([{**dict(zip(names, one, strict=True)), **more} for one in edits])
            self.result.edits_overwritten += len(edits) if action == "overwritten" else 0
            self.result.edits_kept += len(edits) if action == "kept" else 0

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
        if bad:
            self._ledger.forget_intents(self.apply_id, object_type, [key for key, _ in bad])
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


def _new(values: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    return {name: new for name, (_, new) in values.items()}
