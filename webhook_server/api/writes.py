"""The routes that plan and apply: what would be written to the CRM, and writing exactly that."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Final

import msgspec
from flask import Response, request

from crm_sync.guards import Allowed
from crm_sync.model import FORMAT, VERSION, Plan
from crm_sync.recording import ApplyResult
from saaskpi.errors import UsageError
from warehouse.access import AuditLog
from webhook_server.answers import failed
from webhook_server.api import schemas
from webhook_server.api.access import bearer
from webhook_server.api.answering import JSON, document
from webhook_server.api.declared import Asked, Route

PATIENCE: Final = 20.0
"""Seconds for which a request waits until others are done in the home."""
_HASH: Final = r"^[0-9a-f]{64}$"
_Count = Annotated[int, msgspec.Meta(ge=0, le=10_000_000)]


class Apply(msgspec.Struct, forbid_unknown_fields=True):
    """Which kept plan to write.

    Attributes:
        plan_hash: as ``POST /plan`` gave it.
        yes_change, yes_clear, yes_tasks: so many changes, clearings and tasks a person has seen and lets
            through the guards; the answer 409 names them.
    """

    plan_hash: Annotated[str, msgspec.Meta(pattern=_HASH)]
    yes_change: _Count = 0
    yes_clear: _Count = 0
    yes_tasks: _Count = 0


def components() -> dict[str, Any]:
    """Return the schemas of what these routes take and give, by name."""
    _, found = msgspec.json.schema_components(
        (Plan, ApplyResult, Apply), ref_template="#/components/schemas/{name}"
    )
    return found


def _show(asked: Asked) -> Response:
    with asked.home.pipeline(PATIENCE) as pipeline:
        plan = pipeline.plan()
    return _plan(plan)


def _make(asked: Asked) -> Response:
    with asked.home.pipeline(PATIENCE) as pipeline:
        plan = pipeline.plan()
    asked.home.plans.keep(plan)
    services = asked.home.services
    counts = {"companies": len(plan.updates), "tasks": len(plan.tasks)}
    AuditLog(services.store.engine).write(services.now(), _actor(), "plan", plan.hash, "done", counts)
    return _plan(plan, 201)


def _apply(asked: Asked) -> Response:
    if request.mimetype != JSON:
        return failed(415, "The body must be JSON.", "Send it with Content-Type: application/json")
    wanted = _body(request.get_data(cache=False))
    allowed = Allowed(wanted.yes_change, wanted.yes_clear, wanted.yes_tasks)
    services = asked.home.services
    log = AuditLog(services.store.engine)
    with log.recording(services.now, _actor(), "apply", wanted.plan_hash) as entry:
        entry.update({f"yes_{name}": count for name, count in asdict(allowed).items()})
        plan = asked.home.plans.get(wanted.plan_hash)
        with asked.home.pipeline(PATIENCE) as pipeline, pipeline.alone(wait=PATIENCE):
            written = pipeline.apply(plan, allowed=allowed)
        told = written.as_dict()
        entry.update({name: value for name, value in told.items() if isinstance(value, int)})
    return document(told)


def _body(raw: bytes) -> Apply:
    try:
        return msgspec.json.decode(raw, type=Apply)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        said = str(error) if isinstance(error, msgspec.ValidationError) else "The body is no JSON"
        raise UsageError(f"{said}.", hint='Send {"plan_hash": "..."} as POST /api/v1/plan gave it.') from None


def _plan(plan: Plan, status: int = 200) -> Response:
    return Response(plan.to_json(), status, content_type=JSON)


def _actor() -> str:
    return f"token:{bearer().name}"


_PLAN: Final = schemas.of_object(
    {
        "format": {"const": FORMAT},
        "version": {"const": VERSION},
        "hash": {"type": "string", "pattern": _HASH},
        "plan": {"$ref": "#/components/schemas/Plan"},
    }
)
_WRITTEN: Final = {
    "type": "object",
    "required": ["plan_hash"],
    "properties": {"plan_hash": {"type": "string", "pattern": _HASH}},
    "allOf": [{"$ref": "#/components/schemas/ApplyResult"}],
}

ROUTES: Final = (
    Route(
        "GET",
        "/plan",
        "plan",
        "Return what applying now would write to the CRM; nothing is kept or changed.",
        _show,
        _PLAN,
        errors=(409, 502, 503),
    ),
    Route(
        "POST",
        "/plan",
        "plan",
        "Make a plan and keep it, to be applied by its hash.",
        _make,
        _PLAN,
        status=201,
        errors=(409, 502, 503),
    ),
    Route(
        "POST",
        "/apply",
        "apply",
        "Write a kept plan to the CRM, exactly as it stands; 409: it is stale, or too much for a guard.",
        _apply,
        _WRITTEN,
        body={"$ref": "#/components/schemas/Apply"},
        errors=(409, 413, 415, 502, 503),
    ),
)
