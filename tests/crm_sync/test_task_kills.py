"""kill -9 while tasks are created, over real HTTP: afterwards there is one of each."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.writer import HubSpotWriter
from crm_sync.properties import GROUP, GROUP_LABEL, definitions
from crm_sync.task_writes import SETTLING
from saaskpi.errors import UsageError
from tests.support.crm import open_store, start_run
from tests.support.task_kills import kill_while_opening, open_tasks, plan_of, seconds_to_open

if TYPE_CHECKING:
    from sandbox import Sandbox

KILLS = int(os.environ.get("SAASKPI_TEST_KILLS", "3"))
"""Per kind of portal; raise it for a longer search."""
TASKS = 120


def new_store(path: Path, *, by_key: bool) -> Path:
    with open_store(path) as store:
        start_run(store)
        if not by_key:
            store.refuse_tasks("limit of unique properties reached")
    return path


def bodies(sandbox: Sandbox) -> Counter[str]:
    """Count the tasks of ours by their body, then clear them away."""
    from sandbox.crm.object_types import OBJECT_TYPES

    ours = [
        row
        for row in sandbox.crm.tables["tasks"].live()
        if "ref: saaskpi-" in row.properties.get("hs_task_body", "")
    ]
    for row in ours:
        assert sandbox.crm.links.of(("tasks", "companies"), row.id), "each is linked"
    found = Counter(row.properties["hs_task_body"] for row in ours)
    for row in ours:
        sandbox.crm.archive(OBJECT_TYPES["tasks"], row)
    return found


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("by_key", [True, False], ids=["unique key", "reference"])
def test_one_of_each_after_a_kill(make_sandbox: Callable[..., Sandbox], tmp_path: Path, by_key: bool) -> None:
    from sandbox.faults import Fault

    sandbox = make_sandbox()
    token, base = sandbox.hubspot.access_token, sandbox.hubspot_url
    client = HubSpotClient(token, base)
    if by_key:
        writer = HubSpotWriter(client)
        writer.create_group("tasks", GROUP, GROUP_LABEL)
        assert all(row.ok for row in writer.create_properties("tasks", definitions("tasks")))
    companies = [row["id"] for page in client.objects("companies", ["name"]) for row in page]
    portal = client.portal().id
    sandbox.faults.add(Fault("latency", seconds=0.02))

    for name in ("warm", "calm"):  # the first child waits for the server that forks it
        calm = plan_of(portal, companies, TASKS, name).to_json()
        seconds = seconds_to_open(calm, base, token, new_store(tmp_path / f"{name}.db", by_key=by_key))
        assert len(bodies(sandbox)) == TASKS
    moments, hit = random.Random(4), 0
    for trial in range(KILLS):
        plan = plan_of(portal, companies, TASKS, f"trial{trial}").to_json()
        store = new_store(tmp_path / f"trial{trial}.db", by_key=by_key)
        hit += kill_while_opening(plan, base, token, store, after=moments.uniform(0.02, seconds))
        with suppress(UsageError):  # raised when the kill came after the end
            open_tasks(plan, base, token, store, later=SETTLING.total_seconds() + 1)
        found = bodies(sandbox)
        assert len(found) == TASKS
        assert set(found.values()) == {1}, "no task twice"
    assert hit > 0
