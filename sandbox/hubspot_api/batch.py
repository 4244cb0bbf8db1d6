"""``/crm/objects/.../batch``: up to 100 records in one call, and the 207 that says which of them failed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from flask import Flask, Response, request

from sandbox.crm.object_types import ObjectType
from sandbox.crm.records import Record
from sandbox.crm.times import iso
from sandbox.hubspot_api import writing
from sandbox.hubspot_api.api import Api, Json, answer, body, inputs, names, no_content, properties_of, text
from sandbox.hubspot_api.errors import ApiError, bad_request

MOST_INPUTS = 100


@dataclass
class Outcome:
    """What came of the inputs so far. ``missing`` are ids (or unique values) that nothing answers to."""

    results: list[Json] = field(default_factory=list)
    errors: list[Json] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def answer(self, api: Api, kind: ObjectType, started: int, status: int = 200) -> Response:
        """The whole answer: 207 as soon as one part failed."""
        errors = self.errors + ([_missing(kind, self.missing)] if self.missing else [])
        return batch_answer(api, self.results, errors, started, status)


def batch_answer(
    api: Api, results: Sequence[Json], errors: Sequence[Json], started: int, status: int = 200
) -> Response:
    """A batch's answer: 207 with ``numErrors`` and ``errors`` as soon as one part failed."""
    found: Json = {
        "status": "COMPLETE",
        "results": results,
        "startedAt": iso(started),
        "completedAt": iso(api.crm.now()),
    }
    if errors:
        found |= {"numErrors": len(errors), "errors": errors}
    return answer(found, 207 if errors else status)


def _missing(kind: ObjectType, ids: Sequence[str]) -> Json:
    message = (
        f"Could not get some {kind.singular.upper()} objects, they may be deleted or not exist. "
        "Check that ids are valid."
    )
    return ApiError(404, message, "OBJECT_NOT_FOUND").row({"ids": ids})


def register(app: Flask, api: Api) -> None:
    """Add the routes."""
    base = "/crm/objects/<version:_version>/<type_name>/batch"

    @app.post(f"{base}/read")
    def batch_read(_version: str, type_name: str) -> Response:
        kind = api.kind(type_name, "read")
        given = body()
        return _read(api, kind, given, inputs(given, MOST_INPUTS))

    @app.post(f"{base}/create")
    def batch_create(_version: str, type_name: str) -> Response:
        kind = api.kind(type_name, "write")
        return _write(api, kind, inputs(body(), MOST_INPUTS), _creation, 201)

    @app.post(f"{base}/update")
    def batch_update(_version: str, type_name: str) -> Response:
        kind = api.kind(type_name, "write")
        rows = inputs(body(), MOST_INPUTS)
        _refuse_twice(rows)
        for name in {row["idProperty"] for row in rows if row.get("idProperty") is not None}:
            writing.require_unique(api, kind, str(name))
        return _write(api, kind, rows, _update)

    @app.post(f"{base}/upsert")
    def batch_upsert(_version: str, type_name: str) -> Response:
        kind = api.kind(type_name, "write")
        rows = inputs(body(), MOST_INPUTS)
        _refuse_twice(rows)
        for row in rows:
            writing.require_unique(api, kind, str(row.get("idProperty") or "hs_object_id"))
        return _write(api, kind, rows, _upsert)

    @app.post(f"{base}/archive")
    def batch_archive(_version: str, type_name: str) -> Response:
        kind = api.kind(type_name, "write")
        for row in inputs(body(), MOST_INPUTS):
            record = api.crm.find(kind, text(row, "id"))
            if record is not None:
                api.crm.archive(kind, record)
        return no_content()


def _read(api: Api, kind: ObjectType, given: Json, rows: Sequence[Json]) -> Response:
    started = api.crm.now()
    id_property = given.get("idProperty")
    if id_property is not None:
        writing.require_unique(api, kind, str(id_property))
    archived = request.args.get("archived", "false").lower() == "true"
    wanted = names(given.get("properties") or ())
    show = api.shower(kind, wanted, names(given.get("propertiesWithHistory") or ()))
    outcome = Outcome()
    seen: set[int] = set()
    for value in dict.fromkeys(text(row, "id") for row in rows):
        try:
            record = writing.locate(api, kind, value, id_property and str(id_property), archived=archived)
        except ApiError:
            outcome.missing.append(value)
            continue
        if record.id not in seen:
            seen.add(record.id)
            outcome.results.append(show(record))
    return outcome.answer(api, kind, started)


Commit = Callable[[], Json]
Prepare = Callable[[Api, ObjectType, Json], Commit]


def _write(api: Api, kind: ObjectType, rows: Sequence[Json], prepare: Prepare, status: int = 200) -> Response:
    """Check and write each input.

    A record that does not exist is always reported in a 207. Values that are refused are too, when every
    input carries an ``objectWriteTraceId`` of its own; otherwise the first refuses the whole batch.
    """
    started = api.crm.now()
    traces = [row.get("objectWriteTraceId") for row in rows]
    traced = None not in traces and len(set(traces)) == len(traces)
    outcome = Outcome()
    commits: list[tuple[Json, Commit]] = []
    for row in rows:
        try:
            commits.append((row, prepare(api, kind, row)))
        except ApiError as refused:
            _keep(outcome, row, refused, traced=traced)
    for row, commit in commits:
        try:
            result = commit()
        except ApiError as refused:
            _keep(outcome, row, refused, traced=traced)
            continue
        if row.get("objectWriteTraceId") is not None:
            result["objectWriteTraceId"] = str(row["objectWriteTraceId"])
        outcome.results.append(result)
    return outcome.answer(api, kind, started, status)


def _keep(outcome: Outcome, row: Json, refused: ApiError, *, traced: bool) -> None:
    if refused.category == "OBJECT_NOT_FOUND":
        outcome.missing.append(str(row.get("id")))
    elif traced:
        outcome.errors.append(refused.row({"objectWriteTraceId": [str(row["objectWriteTraceId"])]}))
    else:
        raise refused


def _refuse_twice(rows: Sequence[Json]) -> None:
    ids = [text(row, "id") for row in rows]
    twice = sorted({each for each in ids if ids.count(each) > 1})
    if twice:
        raise bad_request(
            f"Duplicate IDs found in batch input: [{', '.join(twice)}]. IDs must be unique", ids=twice
        )


def _creation(api: Api, kind: ObjectType, row: Json) -> Commit:
    properties = properties_of(row)
    targets = writing.targets_of(api, kind, row)
    writing.check(api, kind, properties, None)
    show = api.shower(kind, list(properties))
    return lambda: show(writing.create(api, kind, properties, targets))


def _update(api: Api, kind: ObjectType, row: Json) -> Commit:
    id_property = row.get("idProperty")
    record = writing.locate(api, kind, text(row, "id"), id_property and str(id_property))
    return _change(api, kind, record, properties_of(row))


def _change(api: Api, kind: ObjectType, record: Record, properties: dict[str, str]) -> Commit:
    writing.check(api, kind, properties, record)
    show = api.shower(kind, list(properties))

    def commit() -> Json:
        writing.check(api, kind, properties, record)
        api.crm.update(kind, record, properties)
        return show(record)

    return commit


def _upsert(api: Api, kind: ObjectType, row: Json) -> Commit:
    id_property, value = text(row, "idProperty"), text(row, "id")
    properties = properties_of(row)
    record = api.crm.find_unique(kind, id_property, value)
    if record is not None:
        change = _change(api, kind, record, properties)
        return lambda: change() | {"new": False}
    properties = {id_property: value, **properties}
    writing.check(api, kind, properties, None)
    show = api.shower(kind, list(properties))
    return lambda: show(writing.create(api, kind, properties, [])) | {"new": True}
