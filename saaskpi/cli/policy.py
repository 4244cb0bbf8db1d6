"""The commands that show the MRR policy: each choice in plain words, and how it differs from a preset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from enrichment.messages import say
from enrichment.policy import KEYS, Key, Policy, given
from enrichment.policy_words import changes, meaning
from enrichment.presets import DEFAULT, PRESETS, preset, reason
from saaskpi.cli.base import Context, shared_options
from saaskpi.cli.output import Column, print_json, print_lines, print_rows

COLUMNS = (
    Column("key", "Key"),
    Column("value", "Choice"),
    Column("origin", "From"),
    Column("meaning", "What it means"),
)


@click.group(epilog="Example: saaskpi policy show")
def policy() -> None:
    """Show the MRR policy, or compare it with Stripe's, ChartMogul's, ProfitWell's.

    It is set in [policy] of saaskpi.toml: preset = "stripe", then single keys.
    """


@policy.command(epilog="Example: saaskpi policy show")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@shared_options
def show(context: Context, as_json: bool) -> None:
    """Show every key of the policy in effect: its choice, where it comes from, what it means."""
    settings = context.settings()
    chosen = Policy.from_settings(settings.policy)
    origins = _origins(settings.policy)
    rows = [
        {
            "key": key.name,
            "value": value,
            "origin": origins[key.name],
            "meaning": meaning(key, value).text(settings.language),
            "choices": key.allowed,
        }
        for key, value in zip(KEYS, chosen.choices().values(), strict=True)
    ]
    base = given(settings.policy).get("preset", DEFAULT)
    if as_json:
        print_json({"hash": chosen.hash, "preset": base, "keys": rows})
        return
    print_rows(rows, COLUMNS, "table")
    print_lines(["", f"Policy {chosen.hash}. Compare with: saaskpi policy diff {'|'.join(PRESETS)}"])


@policy.command(epilog="Example: saaskpi policy diff stripe")
@click.argument("name", metavar="PRESET", type=click.Choice([DEFAULT, *PRESETS]))
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@shared_options
def diff(context: Context, name: str, as_json: bool) -> None:
    """Show where the policy in effect differs from a preset, and what that does to the numbers.

    PRESET is default, stripe, chartmogul, profitwell or gross.
    """
    settings = context.settings()
    mine, theirs = Policy.from_settings(settings.policy), preset(name)
    found = differences(mine, name, settings.language)
    if as_json:
        print_json({"preset": name, "hash": mine.hash, "preset_hash": theirs.hash, "differences": found})
        return
    lines = [say(f"policy.diff.{'count' if found else 'same'}", preset=name, n=len(found))]
    lines_of_keys = [line for row in found for line in _lines(row, name, settings.language)]
    print_lines([*(line.text(settings.language) for line in lines), *lines_of_keys])


def differences(mine: Policy, name: str, language: str) -> list[dict[str, Any]]:
    """Return one row per key in which a policy differs from a preset.

    Args:
        mine: the policy in effect.
        name: of the preset.
        language: of the sentences, ``en`` or ``fr``.

    Returns:
        Per key: both choices with their meanings, the numbers they change, and why the preset has it so
        (``reason`` and ``source`` are None where it does as the default).
    """
    pairs = zip(KEYS, mine.choices().values(), preset(name).choices().values(), strict=True)
    return [_difference(key, ours, theirs, name, language) for key, ours, theirs in pairs if ours != theirs]


def _difference(key: Key, ours: str, theirs: str, name: str, language: str) -> dict[str, Any]:
    chosen = PRESETS.get(name, {}).get(key.name)
    return {
        "key": key.name,
        "value": ours,
        "meaning": meaning(key, ours).text(language),
        "preset_value": theirs,
        "preset_meaning": meaning(key, theirs).text(language),
        "changes": changes(key).text(language),
        "reason": reason(name, key.name).text(language) if chosen else None,
        "source": chosen.source if chosen else None,
    }


def _lines(row: Mapping[str, Any], name: str, language: str) -> list[str]:
    said = [
        say("policy.diff.yours", value=row["value"], meaning=row["meaning"]),
        say("policy.diff.theirs", preset=name, value=row["preset_value"], meaning=row["preset_meaning"]),
        say("policy.diff.changes", changes=row["changes"]),
    ]
    if row["reason"]:
        said.append(say("policy.diff.why", reason=row["reason"], source=row["source"]))
    return ["", row["key"], *(f"  {line.text(language)}" for line in said)]


def _origins(settings: Mapping[str, Any]) -> dict[str, str]:
    """Say of each key whether its choice is the default, a preset's (by its name) or the person's own."""
    own = given(settings)
    base = own.get("preset", DEFAULT)
    of_preset = PRESETS.get(base, {})
    return {
        key.name: "own" if key.name in own else base if key.name in of_preset else DEFAULT for key in KEYS
    }


COMMANDS = (policy,)
