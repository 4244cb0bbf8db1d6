"""What a property accepts: HubSpot takes text for every type and checks it against the definition."""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation

from sandbox.crm.definitions import PropertyDefinition
from sandbox.crm.times import DAY_MS, iso, parse_instant, to_date

MAX_TEXT = 65_536


class InvalidValueError(ValueError):
    """A value that its property refuses.

    Attributes:
        code: HubSpot's validation code, for example "INVALID_OPTION".
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def normalise(definition: PropertyDefinition, value: str, current: str, external: frozenset[str]) -> str:
    """The text to store for a value that was sent; the empty string clears the property.

    Args:
        definition: The property's definition.
        value: What was sent.
        current: What is stored now ("" when nothing): a leading ``;`` appends to it.
        external: Valid values that live outside the definition (owners, pipelines, stages).

    Raises:
        InvalidValueError: The value does not fit the property's type.
    """
    if value == "":
        return ""
    if definition.external:
        return _one_of(value, external)
    if definition.is_multiple:
        return _several(definition, value, current)
    return _BY_TYPE[definition.type](definition, value)


def _string(definition: PropertyDefinition, value: str) -> str:
    if len(value) > MAX_TEXT:
        message = f"{definition.name} is longer than the limit of {MAX_TEXT} characters"
        raise InvalidValueError("PROPERTY_VALUE_TOO_LONG", message)
    if definition.name == "email" and not _looks_like_email(value):
        raise InvalidValueError("INVALID_EMAIL", f"Email address {value} is invalid")
    return value.lower() if definition.name in ("email", "domain") else value


def _looks_like_email(value: str) -> bool:
    user, at, host = value.partition("@")
    return bool(user and at and "." in host.strip(".")) and " " not in value


def _number(_definition: PropertyDefinition, value: str) -> str:
    try:
        finite = Decimal(value).is_finite()
    except InvalidOperation:
        finite = False
    if not finite:
        raise InvalidValueError("INVALID_DOUBLE", f"{value} was not a valid number.")
    return value.strip()


def _date(_definition: PropertyDefinition, value: str) -> str:
    at = parse_instant(value)
    if at is None:
        raise InvalidValueError("INVALID_DATE", f"{value} was not a valid date.")
    if at % DAY_MS:
        raise InvalidValueError("INVALID_DATE", f"{value} is at {iso(at)[11:]}, not midnight!")
    return to_date(at).isoformat()


def _datetime(_definition: PropertyDefinition, value: str) -> str:
    at = parse_instant(value)
    if at is None:
        raise InvalidValueError("INVALID_LONG", f"{value} was not a valid long.")
    return iso(at)


def _bool(_definition: PropertyDefinition, value: str) -> str:
    if value.lower() not in ("true", "false"):
        raise InvalidValueError(
            "INVALID_OPTION", f"{value} was not one of the allowed options: [true, false]"
        )
    return value.lower()


def _enumeration(definition: PropertyDefinition, value: str) -> str:
    return _one_of(value, frozenset(option.value for option in definition.options))


def _one_of(value: str, allowed: frozenset[str]) -> str:
    if value not in allowed:
        listed = ", ".join(sorted(allowed)[:50])
        raise InvalidValueError("INVALID_OPTION", f"{value} was not one of the allowed options: [{listed}]")
    return value


def _several(definition: PropertyDefinition, value: str, current: str) -> str:
    allowed = frozenset(option.value for option in definition.options)
    sent = [_one_of(part, allowed) for part in value.split(";") if part]
    kept = current.split(";") if value.startswith(";") and current else []
    return ";".join(dict.fromkeys(kept + sent))


_BY_TYPE: dict[str, Callable[[PropertyDefinition, str], str]] = {
    "string": _string,
    "phone_number": _string,
    "number": _number,
    "date": _date,
    "datetime": _datetime,
    "bool": _bool,
    "enumeration": _enumeration,
}
