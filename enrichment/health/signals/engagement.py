"""Engagement: whether people of the account are in touch, and whether the one who matters is still there."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from enrichment.health.config import HealthConfig
from enrichment.health.signals.signal import (
    Measured,
    Row,
    Signal,
    counts,
    counts_or_zero,
    is_true,
    numbers,
    only,
    share,
)
from enrichment.messages import Message, say

_GONE: Final = ("left", "bounced")


def _last_touch(facts: pd.DataFrame, config: HealthConfig) -> Measured:
    days = counts(facts, "days_since_touch")
    never = np.isnan(numbers(facts, "days_since_touch"))
    fraction = np.where(never, 0.0, share(days, config.touch_zero, config.touch_full))
    return Measured(days, only(is_true(facts, "has_engagements"), fraction), {"days": days})


def _say_last_touch(row: Row, config: HealthConfig) -> Message:
    if row["days"] is None:
        return say("signal.last_touch.never")
    days = int(row["days"])
    if days == 0:
        return say("signal.last_touch.today")
    return say(f"signal.last_touch.{'recent' if days <= config.touch_full else 'long'}", n=days)


def _contacts(facts: pd.DataFrame, config: HealthConfig) -> Measured:
    """The first contact counts most: with three for all, one gives 3/7, two 5/7."""
    engaged = counts_or_zero(facts, "engaged_contacts")
    most = config.contacts_full
    fraction = np.where(engaged > 0, share(2 * engaged + 1, 0, 2 * most + 1), 0 * engaged)
    words = {"contacts": engaged, "is_enough": fraction >= 1}
    return Measured(engaged, only(is_true(facts, "has_engagements"), fraction), words)


def _say_contacts(row: Row, config: HealthConfig) -> Message:
    contacts = int(row["contacts"])
    if contacts == 0:
        return say("signal.contacts.none", days=config.touch_days)
    return say(
        f"signal.contacts.{'enough' if row['is_enough'] else 'few'}", n=contacts, days=config.touch_days
    )


def _key_contact(facts: pd.DataFrame, _: HealthConfig) -> Measured:
    state, name = facts["key_contact_state"], facts["key_contact_name"]
    gone = state.isin(_GONE).to_numpy(dtype=np.bool_)
    here = state.isin(["present"]).to_numpy(dtype=np.bool_)
    fraction = only(gone | here, np.where(here, 1.0, 0.0))
    return Measured(fraction, fraction, {"state": state, "name": name.where(gone, None)})


def _say_key_contact(row: Row, _: HealthConfig) -> Message:
    state, name = row["state"], str(row["name"] or "").strip()
    if state == "present":
        return say("signal.key_contact.present")
    if not name:
        return say(f"signal.key_contact.{state}")
    return say(f"signal.key_contact.{state}_named", contact=name)


ENGAGEMENT: Final = (
    Signal("last_touch", "engagement", 8, "engagements are not read", _last_touch, _say_last_touch),
    Signal("contacts", "engagement", 7, "engagements are not read", _contacts, _say_contacts),
    Signal(
        "key_contact",
        "engagement",
        5,
        "no champion or decision maker ever named",
        _key_contact,
        _say_key_contact,
    ),
)
