"""Plan and apply over the API: exactly what was looked at is written, by whom is on record."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from crm_sync.model import Plan
from saaskpi.errors import UsageError
from saaskpi.kept_plans import MOST, KeptPlans
from saaskpi.pipeline import Pipeline
from saaskpi.progress import Silent
from saaskpi.settings import GuardSettings
from tests.support.api import Caller, caller
from tests.support.spine import write_calls
from tests.webhook_server.conftest import Demo
from warehouse.access import AuditLog


@pytest.fixture
def api(demo: Demo, tmp_path: Path) -> Iterator[Caller]:
    made = caller(demo.copied(tmp_path / "home"))
    yield made
    made.services.close()


def audit(api: Caller) -> list[tuple[str, str, str, str]]:
    """Return the audit log, oldest first."""
    rows = AuditLog(api.services.store.engine).recent()
    return [(row["actor"], row["action"], row["target"], row["result"]) for row in reversed(rows)]


def made_plan(api: Caller) -> dict[str, Any]:
    answer = api("/plan", method="POST")
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.get_json()
    return told


def apply(api: Caller, plan_hash: str, **more: Any) -> Any:
    return api("/apply", method="POST", json={"plan_hash": plan_hash, **more})


def test_looking_at_the_plan_keeps_and_writes_nothing(demo: Demo, api: Caller) -> None:
    before = len(write_calls(demo.sandbox))
    told = api.json("/plan")
    plan = Plan.from_json(json.dumps(told))
    assert plan.hash == told["hash"]
    assert plan.updates
    assert len(write_calls(demo.sandbox)) == before
    assert audit(api) == []
    assert apply(api, told["hash"]).status_code == 400


def test_what_was_kept_is_applied_once_and_is_on_record(demo: Demo, api: Caller) -> None:
    kept = made_plan(api)
    done = apply(api, kept["hash"])
    assert done.status_code == 200, done.text
    assert (done.json or {})["plan_hash"] == kept["hash"]
    assert (done.json or {})["companies_updated"] == len(kept["plan"]["updates"]) > 0
    writes = len(write_calls(demo.sandbox))
    assert writes > 0
    again = apply(api, kept["hash"])
    assert again.status_code == 400
    assert "applied already" in (again.json or {})["error"]
    assert len(write_calls(demo.sandbox)) == writes
    told = audit(api)
    assert told[:2] == [
        ("token:caller", "plan", kept["hash"], "done"),
        ("token:caller", "apply", kept["hash"], "done"),
    ]
    detail = AuditLog(api.services.store.engine).recent()[-2]["detail"]
    assert detail["companies_updated"] == len(kept["plan"]["updates"])


def test_a_guard_that_trips_names_what_lets_the_plan_through(demo: Demo, tmp_path: Path) -> None:
    settings = demo.copied(tmp_path / "home")
    settings = settings.model_copy(update={"guards": GuardSettings(max_tasks=1)})
    api = caller(settings)
    try:
        kept = made_plan(api)
        before = len(write_calls(demo.sandbox))
        stopped = apply(api, kept["hash"])
        assert stopped.status_code == 409
        tasks = len([task for task in kept["plan"]["tasks"] if task["action"] == "open"])
        assert tasks > 1
        assert f'"yes_tasks": {tasks}' in (stopped.json or {})["hint"]
        assert len(write_calls(demo.sandbox)) == before
        assert apply(api, kept["hash"], yes_tasks=tasks - 1).status_code == 409
        assert apply(api, kept["hash"], yes_tasks=tasks).status_code == 200
        entries = AuditLog(api.services.store.engine).recent(2)
        assert [(entry["result"], entry["detail"]["yes_tasks"]) for entry in entries] == [
            ("done", tasks),
            ("NeedsPersonError", tasks - 1),
        ]
    finally:
        api.services.close()


def test_a_plan_of_other_numbers_is_refused_and_on_record(demo: Demo, api: Caller) -> None:
    kept = made_plan(api)
    with closing(api.services.pipeline("test")) as pipeline:
        pipeline.enrich()
    before = len(write_calls(demo.sandbox))
    stale = apply(api, kept["hash"])
    assert stale.status_code == 409
    assert set(stale.json or {}) == {"error", "hint"}
    assert len(write_calls(demo.sandbox)) == before
    assert audit(api)[-1] == ("token:caller", "apply", kept["hash"], "NeedsPersonError")


@pytest.mark.parametrize(
    "body, status",
    [
        (b"", 400),
        (b"{}", 400),
        (b"[]", 400),
        (b'{"plan_hash": 7}', 400),
        (b'{"plan_hash": "../../etc/passwd"}', 400),
        (b'{"plan_hash": "' + b"0" * 64 + b'"}', 400),
        (b'{"plan_hash": "' + b"0" * 64 + b'", "force": true}', 400),
        (b'{"plan_hash": "' + b"0" * 64 + b'", "yes_tasks": -1}', 400),
        (b'{"plan_hash": "' + b"0" * 64 + b'", "yes_tasks": 1e400}', 400),
        (b'{"plan_hash": "' + b"A" * 64 + b'"}', 400),
        (b"[" * 9_000, 400),
        (b"\xff\xfe", 400),
        (b"x" * 10_001, 413),
    ],
)
def test_what_is_no_plan_is_refused(api: Caller, body: bytes, status: int) -> None:
    answer = api("/apply", method="POST", data=body, content_type="application/json")
    assert answer.status_code == status
    assert set(answer.json or {}) == {"error", "hint"}


def test_a_body_of_another_type_is_refused(api: Caller) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", None):
        answer = api("/apply", method="POST", data=b'{"plan_hash": ""}', content_type=kind)
        assert answer.status_code == 415


def test_while_another_one_is_at_work_the_caller_is_told_to_wait(
    api: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webhook_server.api.writes.PATIENCE", 0.05)
    kept = made_plan(api)
    with api.services.pipeline("test").alone():
        busy = apply(api, kept["hash"])
    assert busy.status_code == 503
    assert busy.headers["Retry-After"]
    assert str(api.services.settings.home) not in busy.text


def test_a_refused_token_of_hubspot_is_no_fault_of_the_caller(demo: Demo, tmp_path: Path) -> None:
    settings = demo.copied(tmp_path / "home")
    hubspot = settings.hubspot.model_copy(update={"access_token": SecretStr("pat-wrong-canary")})
    made = caller(settings.model_copy(update={"hubspot": hubspot}))
    try:
        answer = apply(made, made_plan(made)["hash"])
        assert answer.status_code == 502
        assert "canary" not in answer.text
    finally:
        made.services.close()


def test_kept_plans_are_few_whole_and_can_be_forgotten(demo: Demo, tmp_path: Path) -> None:
    settings = demo.copied(tmp_path / "home")
    plans = KeptPlans(tmp_path / "plans")
    with closing(Pipeline(settings, lambda: datetime.now(UTC), Silent())) as pipeline:
        hashes = [plans.keep(pipeline.plan()) for _ in range(2)]
    assert plans.get(hashes[0]).hash == hashes[0]
    file = tmp_path / "plans" / f"{hashes[1]}.json"
    file.write_text(file.read_text().replace("saaskpi_mrr", "saaskpi_arr"))
    with pytest.raises(UsageError, match="changed after it was made"):
        plans.get(hashes[1])
    for number in range(MOST + 3):
        (tmp_path / "plans" / f"{number:064d}.json").write_text("{}")
    plans.keep(plans.get(hashes[0]))
    assert len(list((tmp_path / "plans").iterdir())) == MOST
    assert plans.get(hashes[0]).updates
    plans.clear()
    with pytest.raises(UsageError, match="no plan with this hash"):
        plans.get(hashes[0])
