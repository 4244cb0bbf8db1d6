"""Parts of sentences that several flags share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from enrichment.health.columns import COLUMNS, Row
from enrichment.messages import Message, Money, Sayable, say
from enrichment.money import CURRENCIES

_CODES: Final = frozenset(CURRENCIES)
_LONGEST: Final = 80
_MARKS: Final[dict[str, dict[int, str]]] = {"en": {}, "fr": {ord(","): "\u202f", ord("."): ","}}


def money(row: Row, column: str) -> Sayable:
    """Return the amount of a money column; said to be unknown where it or its currency is not known."""
    amount, currency = row[column], row[COLUMNS[column].currency]
    if amount is None or currency is None or currency.lower() not in _CODES:
        return say("flag.part.unknown_amount")
    return Money(amount, currency)


@dataclass(frozen=True, slots=True)
class Count(Sayable):
    """A number of things, or a mean of such numbers: with one decimal where it is not whole."""

    value: float

    def text(self, language: str) -> str:
        """Return ``1,234.5`` or ``1 234,5``."""
        return f"{self.value:,.1f}".removesuffix(".0").translate(_MARKS[language])


def per_cent(part: float, whole: float) -> int:
    """Return ``part`` of ``whole`` in per cent, halves up; 100 only when it is all or more."""
    rounded = int(100 * part / whole + 0.5)
    return 99 if rounded == 100 and part < whole else rounded


def ago(days: int) -> Message:
    """Return ``5 days ago``."""
    return say("flag.part.ago", n=days) if days else say("flag.part.today")


def shortened(text: str) -> str:
    """Return a text of the user's own data on one line and not too long for a sentence."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3].rstrip()}..."


def contact(row: Row, which: str) -> Message:
    """Return the name and HubSpot id of ``key_contact`` or ``new_decision_maker``; the id must be known."""
    name, contact_id = row[f"{which}_name"], row[f"{which}_id"]
    if name is None:
        return say("flag.part.contact", id=contact_id)
    return say("flag.part.named_contact", name=shortened(name), id=contact_id)


def last_touch(row: Row) -> Message:
    """Say how long ago the last touch was, and which one, or that there never was one."""
    days, kind, touch_id = row["days_since_touch"], row["last_touch_kind"], row["last_touch_id"]
    if days is None:
        return say("flag.part.never_touched")
    if touch_id is None or kind not in COLUMNS["last_touch_kind"].choices:
        return say("flag.part.touched", n=days)
    return say("flag.part.touched_by", n=days, touch=say(f"flag.touch.{kind}", id=touch_id))
