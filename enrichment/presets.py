"""Policies of known billing systems: what each does differently from our default, why, and who says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from enrichment.policy import Policy
from saaskpi.errors import UsageError

DEFAULT: Final = "default"


class Choice(NamedTuple):
    """One key that a preset sets.

    Attributes:
        value: the choice.
        reason: one sentence.
        source: the public page that says so.
    """

    value: str
    reason: str
    source: str


PRESETS: Final[Mapping[str, Mapping[str, Choice]]] = {
    "stripe": {},
    "chartmogul": {},
    "profitwell": {},
    "gross": {},
}
"""Per preset, the keys in which it differs from the default policy."""


def preset(name: object) -> Policy:
    """Return the policy of a preset; ``default`` is the default policy.

    Raises:
        UsageError: there is no such preset.
    """
    if name == DEFAULT:
        return Policy()
    if not isinstance(name, str) or name not in PRESETS:
        raise UsageError(
            f"There is no policy preset {name!r}.", hint=f"Presets: {', '.join([DEFAULT, *PRESETS])}."
        )
    return Policy.from_settings({key: choice.value for key, choice in PRESETS[name].items()})
