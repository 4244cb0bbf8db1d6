"""Bodies of webhooks as events for the inbox; pure, and one kind of error for whatever a body may hold."""

from __future__ import annotations

import hashlib
import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from warehouse.inbox import Event

_NAME: Final = re.compile(r"[!-~]{1,255}")
"""What may name an event or its type: it goes into columns, logs and commands."""
_HUBSPOT_MOST: Final = 100
_USAGE_FIELDS: Final = ("account", "user", "event", "at", "quantity", "id")
_LONGEST_TEXT: Final = 255
_AHEAD: Final = timedelta(seconds=300)


class MalformedError(ValueError):
    """A body that is not what it should be; its text says what is wrong and quotes nothing."""


def stripe_event(body: bytes, now: datetime) -> Event:
    """Read the event that Stripe sends.

    Args:
        body: as it came; its signature is checked.
        now: the clock's time, aware.

    Raises:
        MalformedError: it is no event.
    """
    event = _object(_json(body), "The body")
    return Event("stripe", _name(event, "id"), _name(event, "type"), body, now)


def hubspot_events(body: bytes, now: datetime) -> list[Event]:
    """Read the list of events that HubSpot sends; as :func:`stripe_event`."""
    listed = _json(body)
    if not isinstance(listed, list) or not 1 <= len(listed) <= _HUBSPOT_MOST:
        raise MalformedError(f"The body must be a list of 1 to {_HUBSPOT_MOST} events.")
    return [_hubspot_event(_object(item, f"Event {n}"), now) for n, item in enumerate(listed, start=1)]


def usage_events(body: bytes, now: datetime) -> list[Event]:
    """Read usage: a JSON list, or an object on each line.

    Fields: account, event, at (ISO 8601 with a zone, or seconds since 1970), and if wanted user, quantity
    (1) and id. One id counts once; without an id, rows that are alike in everything count once.

    Raises:
        MalformedError: naming the first row that cannot be used; none is taken then.
    """
    is_list = body.lstrip()[:1] == b"["
    rows = _json(body) if is_list else [_json(line) for line in body.splitlines() if line.strip()]
    if not rows:
        raise MalformedError("There is no row.")
    return [_usage_event(_object(row, f"Row {n}"), n, now) for n, row in enumerate(rows, start=1)]


def _json(text: bytes) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise MalformedError("The body is no JSON.") from None
    except RecursionError:
        raise MalformedError("The body is nested too deeply.") from None


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise MalformedError(f"{what} must be an object.")
    return value


def _name(event: dict[str, Any], field: str) -> str:
    value = event.get(field)
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise MalformedError(f"{field} is missing or no name.")
    return value


def _hubspot_event(event: dict[str, Any], now: datetime) -> Event:
    kind = _name(event, "subscriptionType")
    # eventId is not unique, and a repeated delivery differs in its number only.
    same = {name: value for name, value in event.items() if name != "attemptNumber"}
    return Event("hubspot", _digest(same), kind, _encoded(event), now)


def _usage_event(row: dict[str, Any], number: int, now: datetime) -> Event:
    wrong = _wrong_with(row, now)
    if wrong:
        raise MalformedError(f"Row {number}: {wrong}")
    clean = {name: row[name] for name in _USAGE_FIELDS if row.get(name) is not None}
    at = _moment(clean["at"])
    clean |= {"at": at and at.astimezone(UTC).isoformat(), "quantity": clean.get("quantity", 1)}
    # Both kinds of key stand beside each other: an id cannot be taken for the digest of another row.
    key = f"id:{clean['id']}" if "id" in clean else _digest(clean)
    return Event("usage", key, "usage", _encoded(clean), now)


def _wrong_with(row: dict[str, Any], now: datetime) -> str | None:
    if any(name not in _USAGE_FIELDS for name in row):
        return f"it has fields that are not known; known are {', '.join(_USAGE_FIELDS)}."
    for name in ("account", "event", "user", "id"):
        if not (_is_text(row.get(name)) or (row.get(name) is None and name in ("user", "id"))):
            return f"{name} must be a text of 1 to {_LONGEST_TEXT} characters that can be shown."
    at = _moment(row.get("at"))
    if at is None:
        return "at must be a time such as 2026-10-31T12:00:00Z, or seconds since 1970."
    if at > now + _AHEAD:
        return "at lies in the future."
    quantity = row.get("quantity")
    if quantity is not None and not (_is_number(quantity) and 0 <= quantity < math.inf):
        return "quantity must be a number from 0 on."
    return None


def _is_text(value: Any) -> bool:
    return (
        isinstance(value, str) and bool(value.strip()) and len(value) <= _LONGEST_TEXT and value.isprintable()
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _moment(value: Any) -> datetime | None:
    try:
        if isinstance(value, str):
            at = datetime.fromisoformat(value)
            return at if at.tzinfo and at.astimezone(UTC).year >= 1970 else None
        if _is_number(value) and value >= 0:
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return None


def _digest(value: dict[str, Any]) -> str:
    return hashlib.sha256(msgspec.json.encode(value, order="sorted")).hexdigest()


def _encoded(value: dict[str, Any]) -> bytes:
    return msgspec.json.encode(value)
