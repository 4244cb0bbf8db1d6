"""Facts of usage at any instant, from a table of events: the same figures as ``account_usage`` has.

Windows are whole days that end at the instant; an event of that day or later is not known yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from saaskpi.backtest.tables.mapping import EventColumns, Spec
from saaskpi.backtest.tables.table import Table, take

Numbers = npt.NDArray[np.float64]
_WINDOWS: Final = 3
_WEEKS: Final = 12
_MOST_WEEKS: Final = 9


@dataclass(frozen=True, slots=True)
class Events:
    """Use per account and day.

    Attributes:
        days: account_id, day (days since 1970), core (core events), is_used, sorted by account and day.
        users: account_id, day, user: who used it, null for a row of 0; no rows where nobody is named.
        peak: account_id, day, users: how many used it, where only a number is told.
    """

    days: pd.DataFrame
    users: pd.DataFrame
    peak: pd.DataFrame

    def facts_at(self, moment: datetime, usage_days: int) -> pd.DataFrame:
        """Return the facts of usage of every account that was seen before an instant.

        Args:
            moment: UTC without zone.
            usage_days: length of a window.
        """
        today = _day_number(moment)
        known = self.days[self.days["day"] < today]
        age = today - known["day"]
        window = ((age - 1) // usage_days).rename("window")
        seen = known.assign(age=age).groupby("account_id")
        sums = known["core"].groupby([known["account_id"], window]).sum().unstack(fill_value=0)
        sums = sums.reindex(columns=range(_WINDOWS + 1), fill_value=0.0)
        first = seen["age"].max()
        before = first.clip(upper=(_WINDOWS + 1) * usage_days) - usage_days
        facts = pd.DataFrame(
            {
                "core_events": sums[0],
                # Of a shorter history it is what there was, per window.
                "core_events_before": sums[list(range(1, _WINDOWS + 1))].sum(axis=1)
                * usage_days
                / before.where(before > 0),
                "usage_history_days": first - 1,
            }
        )
        used = known.assign(age=age)[known["is_used"]]
        facts["days_idle"] = used.groupby("account_id")["age"].min().reindex(facts.index).fillna(first) - 1
        facts["is_weekly_user"] = _weekly(used).reindex(facts.index, fill_value=False)
        facts["active_users"] = self._users(facts.index, today, usage_days)
        return facts.reset_index()

    def _users(self, accounts: pd.Index[Any], today: int, usage_days: int) -> pd.Series[float]:
        """Return different users in the last window; null for accounts whose events never named any."""
        for frame, column, how in ((self.users, "user", "nunique"), (self.peak, "users", "max")):
            known = frame[frame["day"] < today]
            if len(known):
                recent = known[known["day"] >= today - usage_days].groupby("account_id")[column].agg(how)
                ever = accounts.isin(known["account_id"].unique())
                return recent.reindex(accounts, fill_value=0).astype(np.float64).where(ever)
        return pd.Series(np.nan, index=accounts)


def _weekly(used: pd.DataFrame) -> pd.Series[bool]:
    """Say who was there in nine or more of the twelve weeks that end with the last use."""
    last = used.groupby("account_id")["age"].transform("min")
    week = (used["age"] - last) // 7
    weeks = week[week < _WEEKS].groupby(used["account_id"]).nunique()
    return weeks >= _MOST_WEEKS


def read_events(table: Table, said: EventColumns) -> Events:
    """Sum a table of events up per account and day; rows that cannot be read are kept aside.

    Args:
        table: a row per event (account, at, event, quantity, user), or with a column per event.
        said: what its columns are called.

    Raises:
        UsageError: a column is missing.
    """
    table.require([said.account, said.at, *said.counts, *filter(None, [said.active_users])])
    account = take(table, "account_id", Spec(columns=(said.account,)))
    at = take(table, "as_of", Spec(columns=(said.at,)))
    table.drop(account.reindex(table.frame.index).isna(), "no account.")
    table.drop(at.reindex(table.frame.index).isna(), "no time.")
    quantity, core = _quantities(table, said)
    index = table.frame.index
    day = (at[index] - pd.Timestamp(0)) // pd.Timedelta(days=1)
    events = pd.DataFrame(
        {"account_id": account[index], "day": day, "core": core[index], "quantity": quantity[index]}
    )
    summed = events.groupby(["account_id", "day"], as_index=False).agg(
        core=("core", "sum"), quantity=("quantity", "max")
    )
    days = summed.assign(is_used=summed["quantity"] > 0).drop(columns="quantity")
    return Events(days, _named(table, said, events), _peak(table, said, events))


def _quantities(table: Table, said: EventColumns) -> tuple[pd.Series[float], pd.Series[float]]:
    """Return how much was used in each row, and how much of it was core."""
    if said.counts:
        core = take(table, "core_events", Spec(columns=said.counts))
        return core, core
    if said.quantity in table.frame:
        quantity = take(table, "core_events", Spec(columns=(said.quantity,))).fillna(1.0)
    else:
        quantity = pd.Series(1.0, index=table.frame.index)
    if not said.core or said.event not in table.frame:
        return quantity, quantity
    return quantity, quantity.where(table.frame[said.event].isin(said.core), 0.0)


def _named(table: Table, said: EventColumns, events: pd.DataFrame) -> pd.DataFrame:
    if said.user not in table.frame:
        return pd.DataFrame({"account_id": [], "day": [], "user": []})
    users = take(table, "name", Spec(columns=(said.user,)))
    named = events[["account_id", "day"]].assign(user=users.where(events["quantity"] > 0))
    return named[users.notna()].drop_duplicates()


def _peak(table: Table, said: EventColumns, events: pd.DataFrame) -> pd.DataFrame:
    if not said.active_users:
        return pd.DataFrame({"account_id": [], "day": [], "users": []})
    users = take(table, "active_users", Spec(columns=(said.active_users,)))
    return events.assign(users=users)[["account_id", "day", "users"]].dropna(subset="users")


def _day_number(moment: datetime) -> int:
    return (pd.Timestamp(moment) - pd.Timestamp(0)) // pd.Timedelta(days=1)
