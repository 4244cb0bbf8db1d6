"""The MRR policy: each choice on which billing systems disagree, written down once.

A key of the policy has a dotted name (``discounts.repeating``). The first choice is the default. A key
that has one choice today is listed all the same, because it names the rule that excluded an item.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from fractions import Fraction
from typing import Any, Final

from saaskpi.errors import UsageError

_PAST_DUE_DAYS: Final = re.compile(r"include_days:([1-9]|[1-8][0-9]|90)")


def _key(name: str, *choices: str, pattern: re.Pattern[str] | None = None) -> Any:
    """Declare one key: its dotted name, its choices (the first is the default), a free form if any."""
    return field(default=choices[0], metadata={"key": name, "choices": choices, "pattern": pattern})


@dataclass(frozen=True, slots=True)
class Policy:
    """One full set of choices; immutable, so that its hash can stand beside every number.

    Raises:
        UsageError: a value is not among the choices of its key.
    """

    mrr_basis: str = _key("mrr.basis", "subscription", "list_price")
    discounts_forever: str = _key("discounts.forever", "subtract", "ignore")
    discounts_repeating: str = _key("discounts.repeating", "ignore", "subtract_while_active")
    discounts_once: str = _key("discounts.once", "ignore", "subtract_in_period")
    percent_stack: str = _key("discounts.percent_stack", "compound", "max", "sum")
    past_due: str = _key("status.past_due", "include", "exclude", pattern=_PAST_DUE_DAYS)
    unpaid: str = _key("status.unpaid", "churn", "include")
    incomplete: str = _key("status.incomplete", "exclude")
    trials: str = _key("trials", "exclude")
    pause_collection: str = _key("pause_collection", "zero_no_churn", "zero_as_churn", "keep")
    cancel_at_period_end: str = _key("cancel_at_period_end", "churn_at_period_end", "churn_at_cancel_request")
    metered: str = _key("metered", "exclude")
    zero_mrr_customer: str = _key("zero_mrr_customer", "inactive")
    interval_week: str = _key("interval.week", "52/12", "4.33", "4")
    interval_day: str = _key("interval.day", "365/12", "30", "30.437")

    def __post_init__(self) -> None:
        for item in fields(self):
            _check(item.metadata["key"], getattr(self, item.name), item.metadata)

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Policy:
        """Build a policy from settings, flat (``discounts.once``) or nested (tables in tables).

        Raises:
            UsageError: an unknown key or a value that is not among the choices.
        """
        names = {item.metadata["key"]: item.name for item in fields(cls)}
        given = _flatten(settings)
        for key in given:
            if key not in names:
                raise UsageError(f"The policy has no key {key!r}.", hint=f"Keys: {', '.join(sorted(names))}.")
        return cls(**{names[key]: value for key, value in given.items()})

    @property
    def hash(self) -> str:
        """Twelve hex digits that change when, and only when, a choice changes."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def past_due_days(self) -> int | None:
        """How many days a past due subscription still counts; None where days do not decide."""
        found = _PAST_DUE_DAYS.fullmatch(self.past_due)
        return int(found[1]) if found else None

    def months(self, interval: str, count: int) -> Fraction:
        """Return the factor from one billing cycle's amount to a month's, exactly.

        Args:
            interval: Stripe's ``day``, ``week``, ``month`` or ``year``.
            count: how many of them make a cycle, 1 or more.

        Raises:
            KeyError: the interval is not one of the four.
        """
        factors = {
            "day": Fraction(self.interval_day),
            "week": Fraction(self.interval_week),
            "month": Fraction(1),
            "year": Fraction(1, 12),
        }
        return factors[interval] / count


def _check(key: str, value: object, rule: Mapping[str, Any]) -> None:
    if value in rule["choices"]:
        return
    pattern: re.Pattern[str] | None = rule["pattern"]
    if pattern is not None and isinstance(value, str) and pattern.fullmatch(value):
        return
    choices = [*rule["choices"], *(["include_days:1 to include_days:90"] if pattern else [])]
    raise UsageError(f"The policy's {key} cannot be {value!r}.", hint=f"Choose from: {', '.join(choices)}.")


def _flatten(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        key = f"{prefix}{name}"
        flat.update(_flatten(value, f"{key}.") if isinstance(value, Mapping) else {key: value})
    return flat
