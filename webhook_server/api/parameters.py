"""Reads what a request asks for, and says what is wrong with it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from werkzeug.datastructures import MultiDict

from saaskpi.errors import UsageError
from webhook_server.api.declared import Parameter, Schema

_BOOLEANS: Final = {"true": True, "false": False}
_INTEGER: Final = re.compile(r"-?[0-9]{1,12}")


def parse(parameters: Sequence[Parameter], given: MultiDict[str, str]) -> dict[str, Any]:
    """Return the values of a query by the parameters' names.

    Args:
        parameters: those that there are.
        given: the query.

    Raises:
        UsageError: one is unknown, given twice, or of a wrong form; says which, and what would be right.
    """
    known = [parameter.name for parameter in parameters]
    for name in given:
        if name not in known:
            raise UsageError(f"There is no parameter {_quoted(name)}.", hint=_nearest(name, known))
    return {parameter.name: _read(parameter, given.getlist(parameter.name)) for parameter in parameters}


def _read(parameter: Parameter, values: Sequence[str]) -> Any:
    if parameter.many:
        return tuple(_value(parameter, text) for text in values)
    if len(values) > 1:
        raise UsageError(
            f"The parameter {parameter.name} is given {len(values)} times.", hint="Give it once."
        )
    return _value(parameter, values[0]) if values else parameter.default


def _value(parameter: Parameter, text: str) -> str | int | bool:
    schema = parameter.schema
    value: str | int | bool | None = text
    if schema["type"] == "boolean":
        value = _BOOLEANS.get(text)
    elif schema["type"] == "integer":
        value = int(text) if _INTEGER.fullmatch(text) and text.isascii() else None
    if value is None or not _fits(value, schema):
        raise UsageError(f"{_quoted(text)} is no value of {parameter.name}.", hint=_form(schema))
    return value


def _fits(value: str | int | bool, schema: Schema) -> bool:
    if "enum" in schema:
        return value in schema["enum"]
    if isinstance(value, str):
        pattern = schema.get("pattern")
        length = schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value))
        return length and (pattern is None or re.search(pattern, value) is not None)
    return bool(schema.get("minimum", value) <= value <= schema.get("maximum", value))


def _form(schema: Schema) -> str:
    if "enum" in schema:
        return f"There are: {_listed(schema['enum'])}."
    if schema["type"] == "boolean":
        return "Give true or false."
    if schema["type"] == "integer":
        return f"Give a whole number from {schema['minimum']} to {schema['maximum']}."
    examples = schema.get("examples", ())
    example = f", for instance {examples[0]}" if examples else ""
    return f"Give {schema.get('minLength', 0)} to {schema['maxLength']} characters{example}."


def _nearest(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name[:40].lower(), known, n=1)
    hint = f"Did you mean {near[0]}? " if near else ""
    return hint + (f"There are: {_listed(known)}." if known else "This takes none.")


def _listed(values: Iterable[Any]) -> str:
    return ", ".join(str(value) for value in values)


def _quoted(text: str) -> str:
    return f"'{text[:40]}{'…' if len(text) > 40 else ''}'"
