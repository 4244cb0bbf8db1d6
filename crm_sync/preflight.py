"""Are our properties in HubSpot, and as they must be? Pure; asked before the first write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from crm_sync.model import Blocker, Definition
from crm_sync.properties import Property

_WHERE = "Settings > Properties"


@dataclass(frozen=True, slots=True)
class Preflight:
    """What was found: definitions to create, and what only a person can mend."""

    missing: list[Definition]
    blockers: list[Blocker]


def preflight(
    object_type: str,
    wanted: Iterable[Property],
    portal: Mapping[str, Mapping[str, Any]],
    seen_before: frozenset[str] = frozenset(),
    seen_since: frozenset[str] = frozenset(),
) -> Preflight:
    """Compare what we need with what the portal has.

    Args:
        object_type: ``companies`` or ``tasks``.
        wanted: our properties.
        portal: the portal's definitions by name: type, archived, hasUniqueValue, options.
        seen_before: ``object_type.name`` of those seen there before ``portal`` was read: one of them that is
            gone was taken away by a person, and is not created again behind their back.
        seen_since: of those seen there after ``portal`` was read; they count as there.
    """
    missing: list[Definition] = []
    blockers: list[Blocker] = []
    for declared in wanted:
        found = portal.get(declared.name)
        key = f"{object_type}.{declared.name}"
        if found is not None:
            blockers += _misfits(object_type, declared, found)
        elif key in seen_before:
            blockers.append(gone(object_type, declared.name))
        elif key not in seen_since:
            missing.append(Definition(object_type, declared.name, declared.body()))
    return Preflight(missing, blockers)


def _misfits(object_type: str, declared: Property, found: Mapping[str, Any]) -> Iterable[Blocker]:
    where = f"HubSpot's {object_type} property {declared.name}"
    if found.get("archived"):
        yield gone(object_type, declared.name)
    elif found.get("type") != declared.type:
        yield Blocker(
            f"{where} is of type {found.get('type')}, not {declared.type}.",
            f"Delete it in HubSpot ({_WHERE}), then run `saaskpi check --create-properties`.",
        )
    elif declared.unique and not found.get("hasUniqueValue"):
        yield Blocker(
            f"{where} does not have unique values, so tasks could be doubled.",
            f"Delete it in HubSpot ({_WHERE}), then run `saaskpi check --create-properties`.",
        )
    elif lacking := _lacking_options(declared, found):
        yield Blocker(
            f"{where} lacks the options {', '.join(lacking)}.",
            f"Add them in HubSpot ({_WHERE}), with these internal values, then run again.",
        )


def gone(object_type: str, name: str) -> Blocker:
    """Say that a property of ours was taken away."""
    return Blocker(
        f"HubSpot's {object_type} property {name} was deleted or archived.",
        f"Restore it in HubSpot ({_WHERE} > Archived), or run `saaskpi check --create-properties`.",
    )


def _lacking_options(declared: Property, found: Mapping[str, Any]) -> list[str]:
    there = {option.get("value") for option in found.get("options") or ()}
    return [value for value in declared.options or () if value not in there]
