"""Are our properties in HubSpot, and as they must be? Pure; asked before the first write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from crm_sync.model import Blocker, Definition
from crm_sync.properties import Property, properties_of

_WHERE = "Settings > Properties"


@dataclass(frozen=True, slots=True)
class Preflight:
    """What was found: definitions to create or to widen, and what only a person can mend."""

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
        seen_since: of those seen there after ``portal`` was read, and options as ``object_type.name=value``;
            they count as there.
    """
    missing: list[Definition] = []
    blockers: list[Blocker] = []
    for declared in wanted:
        found = portal.get(declared.name)
        key = f"{object_type}.{declared.name}"
        if found is not None:
            misfits = list(_misfits(object_type, declared, found))
            blockers += misfits
            options = [one for one in _lacking(declared, found) if f"{key}={one['value']}" not in seen_since]
            if options and not misfits:
                missing.append(Definition(object_type, declared.name, {"options": options}, "add_options"))
        elif key in seen_before:
            blockers.append(gone(object_type, declared.name))
        elif key not in seen_since:
            missing.append(Definition(object_type, declared.name, declared.body()))
    return Preflight(missing, blockers)


def fitting(object_type: str, portal: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return our properties that a portal has as they must be, and each of their options as ``name=value``.

    Args:
        object_type: ``companies`` or ``tasks``.
        portal: as for :func:`preflight`.
    """
    return [
        word
        for one in properties_of(object_type)
        if one.name in portal and not any(_misfits(object_type, one, portal[one.name]))
        for word in (one.name, *(f"{one.name}={option}" for option in _options(portal[one.name])))
    ]


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


def gone(object_type: str, name: str) -> Blocker:
    """Say that a property of ours was taken away."""
    return Blocker(
        f"HubSpot's {object_type} property {name} was deleted or archived.",
        f"Restore it in HubSpot ({_WHERE} > Archived), or run `saaskpi check --create-properties`.",
    )


def lacking(definition: Definition) -> Blocker:
    """Say that a property of ours lacks options, which nobody planned to add."""
    values = ", ".join(option["value"] for option in definition.body["options"])
    return Blocker(
        f"HubSpot's {definition.object_type} property {definition.name} lacks the options {values}.",
        "Make a new plan with `saaskpi plan`: it adds them.",
    )


def _lacking(declared: Property, found: Mapping[str, Any]) -> list[dict[str, Any]]:
    there = set(_options(found))
    return [option for option in declared.body().get("options", ()) if option["value"] not in there]


def _options(found: Mapping[str, Any]) -> list[str]:
    return [str(option.get("value")) for option in found.get("options") or ()]
