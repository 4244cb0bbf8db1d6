"""What ``saaskpi check`` says of usage: whether what counts is named, occurs and finds its accounts."""

from __future__ import annotations

from typing import Final, Literal

from enrichment.engine import EngineProtocol
from enrichment.facts.sources import FactSources

Finding = tuple[Literal["ok", "todo"], str, str]
"""State, what was found, and what to do; the last is empty when nothing is."""
_SHOWN: Final = 10
_CORE_SETTING: Final = 'Name those that mean real use: usage.core_events = ["..."]'


def usage_findings(engine: EngineProtocol, sources: FactSources) -> list[Finding]:
    """Judge the usage that is connected.

    Args:
        engine: holds what ``prepare_usage`` and ``describe_usage`` left, and ``account_basics``.
        sources: which events are core.

    Returns:
        One finding per question; a single one when no usage is connected.
    """
    named = engine.frame("SELECT event, events FROM usage_named ORDER BY events DESC, event")
    counts = {str(event): int(events) for event, events in zip(named["event"], named["events"], strict=True)}
    told = sources.events_property or sources.last_active_property
    if not counts and not told:
        hint = "Name files of events in usage.sources, or a company property in usage.events_property."
        return [("ok", "No usage is connected; the health score does without it.", hint)]
    events = [*_core(counts, sources.core_events), *_unmatched(engine)] if counts else []
    return [*events, _covered(engine)]


def _core(counts: dict[str, int], core: tuple[str, ...]) -> list[Finding]:
    """Say whether core events are named, and whether each occurs."""
    listed = ", ".join(f"{event} ({times:,})" for event, times in list(counts.items())[:_SHOWN])
    more = f" and {len(counts) - _SHOWN} more" if len(counts) > _SHOWN else ""
    if not core:
        words = f"No core event is named, so every event counts as use: {listed}{more}."
        return [("todo", words, _CORE_SETTING)]
    missing = [event for event in dict.fromkeys(core) if event not in counts]
    if missing:
        words = f"Core events that never occur: {', '.join(missing)}. Seen: {listed}{more}."
        return [("todo", words, "Mend usage.core_events; names are told apart by case.")]
    times = sum(counts[event] for event in dict.fromkeys(core))
    return [("ok", f"Core events: {', '.join(core)}; {times:,} of {sum(counts.values()):,} rows.", "")]


def _unmatched(engine: EngineProtocol) -> list[Finding]:
    """Say how many keys count for nobody."""
    lost = engine.frame("SELECT * FROM usage_unmatched ORDER BY events DESC, account_key")
    if lost.empty:
        return [("ok", "Every account key in the usage data means one account.", "")]
    seen = int(engine.frame("SELECT COUNT(*) AS keys FROM usage_seen")["keys"].iloc[0])
    most = ", ".join(str(key) for key in lost["account_key"][:3])
    words = (
        f"{len(lost):,} of {seen:,} account keys in the usage data mean no account, or several; "
        f"{int(lost['events'].sum()):,} rows count for nobody. Those with the most rows: {most}."
    )
    return [("todo", words, "Check the key of that file in usage.sources.")]


def _covered(engine: EngineProtocol) -> Finding:
    """Say how many paying accounts usage tells nothing of."""
    paying = engine.frame(
        "SELECT COUNT(*) AS accounts, COUNT(u.account_id) AS seen FROM account_basics b "
        "LEFT JOIN account_usage u ON u.account_id = b.account_id WHERE b.mrr > 0"
    )
    accounts, seen = int(paying["accounts"].iloc[0]), int(paying["seen"].iloc[0])
    words = f"{accounts - seen:,} of {accounts:,} paying accounts never appear in the usage data."
    if seen == accounts:
        return ("ok", words, "")
    return ("todo", words, "Their usage is not measured; check that the files are whole and their keys fit.")
