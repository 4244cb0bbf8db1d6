"""The MRR policy: each choice on which billing systems disagree, written down once.

A key of the policy has a dotted name (``discounts.repeating``). The first choice is the default. A key
that has one choice is listed all the same, because it names the rule that excluded an item. What the keys
mean in plain words is in the message catalogues (``policy.*``), and as a table in ``docs/policy.md``.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from fractions import Fraction
from typing import Any, Final, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from saaskpi.errors import UsageError


class Form(Protocol):
    """Values of a key that are too many to list."""

    @property
    def text(self) -> str:
        """What may be written, for people."""

    def accepts(self, value: str) -> bool:
        """Say whether ``value`` is of this form."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A choice with a whole number from ``low`` to ``high``, written ``name:N``."""

    name: str
    low: int
    high: int

    @property
    def text(self) -> str:
        """Return the first and the last value."""
        return f"{self.name}:{self.low} to {self.name}:{self.high}"

    def accepts(self, value: str) -> bool:
        """Say whether ``value`` is of this form."""
        return self.number(value) is not None

    def number(self, value: str) -> int | None:
        """Return the N of ``name:N``; None where ``value`` is another choice."""
        found = re.fullmatch(rf"{self.name}:([1-9][0-9]{{0,4}})", value, re.ASCII)
        number = int(found[1]) if found else 0
        return number if self.low <= number <= self.high else None


@dataclass(frozen=True, slots=True)
class ZoneName:
    """The name of an IANA time zone."""

    text: str = "an IANA time zone, for instance Europe/Paris"

    def accepts(self, value: str) -> bool:
        """Say whether the time zone database has ``value``."""
        if value == "localtime":  # another zone on every machine, so another number under one hash
            return False
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):  # no such zone, no name at all, a folder of zones
            return False
        return True


_PAST_DUE: Final = Counted("include_days", 1, 90)
_METERED: Final = Counted("trailing_avg_months", 1, 24)
_REACTIVATION: Final = Counted("days", 1, 3650)


def _key(name: str, *choices: str, form: Form | None = None) -> Any:
    """Declare one key: its dotted name, its choices (the first is the default), a free form if any."""
    return field(default=choices[0], metadata={"key": name, "choices": choices, "form": form})


@dataclass(frozen=True, slots=True)
class Policy:
    """One full set of choices; immutable, so that its hash can stand beside every number.

    Raises:
        UsageError: a value is not among the choices of its key.
    """

    mrr_basis: str = _key("mrr.basis", "subscription", "invoice", "list_price")
    discounts_forever: str = _key("discounts.forever", "subtract", "ignore")
    discounts_repeating: str = _key("discounts.repeating", "ignore", "subtract_while_active")
    discounts_once: str = _key("discounts.once", "ignore", "subtract_in_period")
    percent_stack: str = _key("discounts.percent_stack", "compound", "max", "sum")
    past_due: str = _key("status.past_due", "include", "exclude", form=_PAST_DUE)
    unpaid: str = _key("status.unpaid", "churn", "include")
    incomplete: str = _key("status.incomplete", "exclude")
    trials: str = _key("trials", "exclude")
    trial_conversion: str = _key("trial_conversion", "at_status_active", "first_paid_invoice")
    pause_collection: str = _key("pause_collection", "zero_no_churn", "zero_as_churn", "keep")
    cancel_at_period_end: str = _key("cancel_at_period_end", "churn_at_period_end", "churn_at_cancel_request")
    metered: str = _key("metered", "exclude", "last_invoice", form=_METERED)
    refunds: str = _key("refunds", "ignore", "full_refund_removes", "deduct")
    zero_mrr_customer: str = _key("zero_mrr_customer", "inactive", "churn")
    fx_mode: str = _key("fx.mode", "locked_at_period_start", "daily_revalue", "period_end", "native_only")
    interval_week: str = _key("interval.week", "52/12", "4.33", "4")
    interval_day: str = _key("interval.day", "365/12", "30", "30.437")
    movement_grain: str = _key("movement.grain", "account", "subscription", "item")
    reactivation_window: str = _key("reactivation.window", "any", "none", form=_REACTIVATION)
    same_month: str = _key("same_month_new_and_churn", "drop", "count_both")
    churn_denominator: str = _key("churn.denominator", "start_of_period", "start_plus_new")
    net_churn_reactivation: str = _key("net_churn.reactivation", "include", "exclude")
    ltv_method: str = _key("ltv.method", "arpa_margin_churn_6m", "arpa_churn", "kaplan_meier")
    calendar: str = _key("calendar", "UTC", form=ZoneName())

    def __post_init__(self) -> None:
        for key, value in zip(KEYS, self.choices().values(), strict=True):
            key.check(value)

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Policy:
        """Build a policy from settings, flat (``discounts.once``) or nested (tables in tables).

        Args:
            settings: values by key; ``preset`` names the policy to begin with, which single keys then
                change. A number may stand for its text (``4.33``).

        Raises:
            UsageError: an unknown key or preset, a value that is not among the choices, or choices that
                contradict each other.
        """
        # Here, because presets are made of policies.
        from enrichment.presets import DEFAULT, preset

        wanted = given(settings)
        start = preset(wanted.pop("preset", DEFAULT))
        attributes = {key.name: key.attribute for key in KEYS}
        for name in wanted:
            if name not in attributes:
                known = ", ".join(["preset", *attributes])
                raise UsageError(f"The policy has no key {name!r}.", hint=f"Keys: {known}.")
        _check_discounts(wanted)
        return replace(start, **{attributes[name]: value for name, value in wanted.items()})

    def choices(self) -> dict[str, str]:
        """Return the choice of each key, by its dotted name, in the order of the table."""
        return {key.name: getattr(self, key.attribute) for key in KEYS}

    @property
    def hash(self) -> str:
        """Twelve hex digits that change when, and only when, a choice changes."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def past_due_days(self) -> int | None:
        """How many days a past due subscription still counts; None where days do not decide."""
        return _PAST_DUE.number(self.past_due)

    @property
    def metered_months(self) -> int | None:
        """Over how many months metered invoices are averaged; None where they are not."""
        return _METERED.number(self.metered)

    @property
    def reactivation_days(self) -> int | None:
        """After how many days without MRR a customer counts as new again; None where days do not decide."""
        return _REACTIVATION.number(self.reactivation_window)

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which months end."""
        return ZoneInfo(self.calendar)

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


class Key(NamedTuple):
    """One key of the policy.

    Attributes:
        name: dotted, as settings write it.
        attribute: of :class:`Policy`.
        choices: the default first.
        form: further values, if any.
    """

    name: str
    attribute: str
    choices: tuple[str, ...]
    form: Form | None

    @property
    def allowed(self) -> list[str]:
        """What may be written, for people; the default first."""
        return [*self.choices, *([self.form.text] if self.form else [])]

    def check(self, value: object) -> None:
        """Refuse a value that is not among the choices.

        Raises:
            UsageError: it is not.
        """
        if value in self.choices or (self.form and isinstance(value, str) and self.form.accepts(value)):
            return
        raise UsageError(
            f"The policy's {self.name} cannot be {value!r}.", hint=f"Choose from: {', '.join(self.allowed)}."
        )


KEYS: Final = tuple(
    Key(item.metadata["key"], item.name, item.metadata["choices"], item.metadata["form"])
    for item in fields(Policy)
)


def given(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings by dotted name, ``preset`` among them; numbers become their text.

    Args:
        settings: flat or nested, unchecked.

    Raises:
        UsageError: a key is written twice, once flat and once nested.
    """
    found: dict[str, Any] = {}
    for name, value in _flat(settings, ""):
        if name in found:
            raise UsageError(f"The policy's {name} is set twice.", hint="Keep one of the two.")
        number = isinstance(value, int | float) and not isinstance(value, bool)
        found[name] = f"{value:g}" if number else value
    return found


def check_reporting(policy: Policy, currency: str | None) -> None:
    """Refuse a reporting currency under a policy that keeps every amount in its own.

    Args:
        policy: the MRR policy.
        currency: the reporting currency; None when there is none.

    Raises:
        UsageError: ``fx.mode`` is ``native_only`` and there is a reporting currency.
    """
    if currency and policy.fx_mode == "native_only":
        raise UsageError(
            f"reporting.currency is {currency}, but the policy's fx.mode native_only converts nothing.",
            hint="Remove reporting.currency, or choose another fx.mode, for instance locked_at_period_start.",
        )


def _check_discounts(wanted: Mapping[str, Any]) -> None:
    """Refuse settings that ask for discounts on an MRR that is told before them."""
    asked = [
        f"{name} = {wanted[name]}"
        for name in ("discounts.forever", "discounts.repeating", "discounts.once")
        if wanted.get(name, "ignore") != "ignore"
    ]
    if wanted.get("mrr.basis") == "list_price" and asked:
        raise UsageError(
            f"The policy's mrr.basis list_price looks at no discount, so {asked[0]} would have no effect.",
            hint="Remove it, or choose mrr.basis = subscription.",
        )


def _flat(settings: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
