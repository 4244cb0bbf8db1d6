"""Names of settings that there are not, and what was likely meant. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from pydantic import BaseModel

from saaskpi.errors import UsageError

PREFIX = "SAASKPI_"
NESTED = "__"


def refuse_unknown_sections(variables: Iterable[str], settings: type[BaseModel]) -> None:
    """Refuse variables of the environment that name a section which there is not.

    A variable without a section (``SAASKPI_...`` without two underscores) may be anybody's.

    Args:
        variables: names of the environment.
        settings: has the sections.

    Raises:
        UsageError: one names no section; says what was likely meant, and never its value.
    """
    known = [name for name, field in settings.model_fields.items() if field.default_factory is not None]
    for variable in sorted(variables):
        section, nested, key = variable.upper().removeprefix(PREFIX).partition(NESTED)
        if variable.upper().startswith(PREFIX) and nested and section.lower() not in known:
            near = get_close_matches(section.lower(), known, 1)
            meant = f"Did you mean {PREFIX}{near[0].upper()}{NESTED}{key}? " if near else ""
            raise UsageError(
                f"The variable {variable} names no section of the settings.",
                hint=f"{meant}There are: {', '.join(known)}.",
            )


def meant(name: str, settings: type[BaseModel]) -> str:
    """Return a question after the known setting that is nearest to a name such as ``stripe.api_kee``."""
    near = get_close_matches(name.lower(), list(_names(settings)), 1)
    return f"Did you mean {near[0]}? " if near else ""


def _names(model: type[BaseModel], before: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _names(kind, f"{before}{name}.")
        yield f"{before}{name}"
