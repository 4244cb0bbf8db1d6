"""The policy in plain words: what a choice means and which numbers it changes, from the catalogues."""

from __future__ import annotations

from enrichment.messages import Message, say
from enrichment.policy import Counted, Key


def meaning(key: Key, value: str) -> Message:
    """Say in one sentence what a choice does.

    Args:
        key: of the policy.
        value: one of its choices or of its form.
    """
    if value in key.choices or key.form is None:
        return say(f"policy.{key.name}.{value}")
    if isinstance(key.form, Counted):
        return say(f"policy.{key.name}.{key.form.name}", n=key.form.number(value))
    return say(f"policy.{key.name}.zone", zone=value)


def changes(key: Key) -> Message:
    """Name the numbers that another choice of the key changes."""
    return say(f"policy.{key.name}.changes")
