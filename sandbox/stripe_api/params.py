"""Reads Stripe's parameters: bracketed names, and values that are checked before use."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from sandbox.stripe_api.errors import (
    ApiError,
    invalid_integer,
    invalid_value,
    missing_parameter,
)

Params = dict[str, Any]
RANGE_BOUNDS = ("gt", "gte", "lt", "lte")
_NAME = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")
_INTEGER = re.compile(r"^-?\d{1,18}$")


def parse(pairs: Iterable[tuple[str, str]]) -> Params:
    """Build the nested value that bracketed names stand for.

    ``created[gte]=1&expand[]=a&expand[1]=b`` gives ``{"created": {"gte": "1"}, "expand": ["a", "b"]}``.

    Raises:
        ApiError: 400 for an empty value or a malformed name.
    """
    params: Params = {}
    for name, value in pairs:
        match = _NAME.match(name)
        if match is None:
            raise invalid_value(name, f"Invalid parameter name: {name}")
        if value == "":
            raise _empty(name)
        _put(params, match[1], re.findall(r"\[([^\[\]]*)\]", match[2]), value, name)
    return params


def _put(params: Params, key: str, path: list[str], value: str, name: str) -> None:
    if not path:
        params[key] = value
        return
    head, *rest = path
    empty: Any = [] if head == "" or head.isdigit() else {}
    inner = params.setdefault(key, empty)
    if type(inner) is not type(empty):
        raise invalid_value(name, f"Invalid mix of values for {key}")
    if isinstance(inner, dict):
        _put(inner, head, rest, value, name)
    elif rest:
        raise invalid_value(name, f"Invalid array of objects: {name}")
    else:
        inner.append(value)


def _empty(name: str) -> ApiError:
    message = (
        f"You passed an empty string for '{name}'. We assume empty values are an attempt to unset a "
        f"parameter; however '{name}' cannot be unset. You should remove '{name}' from your request or "
        "supply a non-empty value."
    )
    return ApiError(400, message, code="parameter_invalid_empty", param=name)


def integer(param: str, value: Any) -> int:
    """A whole number, or 400 with ``param``."""
    if not isinstance(value, str) or not _INTEGER.match(value):
        raise invalid_integer(param, str(value))
    return int(value)


def boolean(param: str, value: Any) -> bool:
    """``true`` or ``false``, or 400 with ``param``."""
    if value not in ("true", "false"):
        raise invalid_value(param, f"Invalid boolean: {value}")
    return bool(value == "true")


def string(param: str, value: Any) -> str:
    """One text, or 400 with ``param``."""
    if not isinstance(value, str):
        raise invalid_value(param, f"Invalid string: {value}")
    return value


def strings(param: str, value: Any) -> list[str]:
    """A list of texts (``name[]=``), or 400 with ``param``."""
    if not isinstance(value, list):
        raise invalid_value(param, "Invalid array")
    return value


def choice(param: str, value: Any, allowed: Sequence[str]) -> str:
    """One of the allowed texts, or 400 with ``param``."""
    if value not in allowed:
        listed = f"{', '.join(allowed[:-1])}, or {allowed[-1]}"
        raise invalid_value(param, f"Invalid {param}: must be one of {listed}")
    return str(value)


def required(params: Params, name: str) -> Any:
    """The value of a parameter that has to be there, or 400."""
    if name not in params:
        raise missing_parameter(name)
    return params[name]


def bounds(param: str, value: Any) -> tuple[int | None, int | None]:
    """The half-open range [low, high) of whole seconds that ``created`` and its like ask for.

    ``value`` is one timestamp or ``{"gt"|"gte"|"lt"|"lte": timestamp}``; None is an open end.
    """
    if isinstance(value, str):
        exact = integer(param, value)
        return exact, exact + 1
    if not isinstance(value, dict):
        raise invalid_value(param, f"Invalid object: {param}")
    low: int | None = None
    high: int | None = None
    for name, text in value.items():
        if name not in RANGE_BOUNDS:
            raise ApiError(
                400,
                f"Received unknown parameter: {param}[{name}]",
                code="parameter_unknown",
                param=f"{param}[{name}]",
            )
        edge = integer(f"{param}[{name}]", text) + (name in ("gt", "lte"))
        if name in ("gt", "gte"):
            low = edge if low is None else max(low, edge)
        else:
            high = edge if high is None else min(high, edge)
    return low, high
