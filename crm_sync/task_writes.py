"""The tasks of a plan on their way into the CRM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from crm_sync.model import TaskAction
from crm_sync.ports import CrmWriter, PushLedger
from crm_sync.properties import COMPANIES, TASK_KEY, TASKS
from crm_sync.recording import Recorder
from crm_sync.task_plan import refused_note

TASK_TO_COMPANY = 192


class TaskWrites:
    """Opens the tasks of one plan by their unique key and links them to their companies.

    Args:
        tasks: of the plan.
        writer: of the portal.
        ledger: remembers the tasks.
        recorder: remembers each batch.
    """

    def __init__(
        self, tasks: Sequence[TaskAction], writer: CrmWriter, ledger: PushLedger, recorder: Recorder
    ) -> None:
        self._tasks = list(tasks)
        self._writer = writer
        self._ledger = ledger
        self._recorder = recorder
        self._result = recorder.result
        self._ids: dict[str, str] = {}

    def leave_out(self, reason: str) -> None:
        """Go on without tasks; the store remembers why, so that the next plan does not ask again."""
        self._ledger.refuse_tasks(reason)
        self._result.tasks_skipped = len(self._tasks)
        self._result.messages.append(refused_note(len(self._tasks), reason))
        self._tasks = []

    def write(self) -> None:
        """Open and link."""
        self._open()
        self._link()

    def _open(self) -> None:
        """Create the tasks by their unique key, but for those that a broken apply of this plan wrote."""
        self._ids |= self._ledger.task_ids()
        tasks = {one.key: one for one in self._tasks if one.action == "open" and one.key not in self._ids}
        inputs = [(key, _values(task)) for key, task in tasks.items()]
        answers = self._writer.upsert(TASKS, TASK_KEY, inputs)
        for batch in self._recorder.batches("tasks", answers, len(inputs)):
            self._recorder.settle(TASKS, batch)
            ids = {one.key: one.object_id for one in batch if one.ok and one.object_id}
            self._remember({key: (tasks[key], id_) for key, id_ in ids.items()})
            written = {
                id_: {name: ("", value) for name, value in _values(tasks[key]).items()}
                for key, id_ in ids.items()
            }
            self._recorder.remember(TASKS, written)
            self._result.tasks_opened += len(ids)

    def _link(self) -> None:
        """Link each task to its company; those that a broken run had created too."""
        self._remember({one.key: (one, one.task_id) for one in self._tasks if one.task_id is not None})
        pairs = [(self._ids[one.key], one.company_id) for one in self._tasks if one.key in self._ids]
        answers = self._writer.associate(TASKS, COMPANIES, TASK_TO_COMPANY, pairs)
        for batch in self._recorder.batches("links", answers, len(pairs)):
            linked = dict(_ends(one.key) for one in batch if one.ok)
            self._ledger.record_linked(linked, self._recorder.now)
            self._recorder.settle("task links", batch)
            self._result.tasks_linked += len(linked)

    def _remember(self, tasks: Mapping[str, tuple[TaskAction, str]]) -> None:
        self._ids |= {key: task_id for key, (_, task_id) in tasks.items()}
        rows = [
            {
                "task_key": key,
                "task_id": task_id,
                "company_id": task.company_id,
                "run_id": self._recorder.run_id,
                "opened_at": self._recorder.now,
            }
            for key, (task, task_id) in tasks.items()
        ]
        self._ledger.record_tasks(rows)


def _ends(link: str) -> tuple[str, str]:
    task_id, _, company_id = link.partition(":")
    return task_id, company_id


def _values(task: TaskAction) -> dict[str, str]:
    values = {
        TASK_KEY: task.key,
        "hs_timestamp": task.due.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "hs_task_subject": task.subject,
        "hs_task_body": task.body,
        "hs_task_status": "NOT_STARTED",
        "hs_task_priority": task.priority,
        "hs_task_type": task.type,
    }
    return values if task.owner_id is None else {**values, "hubspot_owner_id": task.owner_id}
