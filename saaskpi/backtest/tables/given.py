"""A table of snapshots: a row per account and instant with what was known then, and who left after it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from enrichment.backtest.panel import CHURN_COLUMNS, VOLUNTARY
from saaskpi.backtest.tables.mapping import KEYS
from saaskpi.backtest.tables.rows import Specs, keep_aside, read_rows
from saaskpi.backtest.tables.table import Table
from saaskpi.errors import UsageError

Moment = tuple[datetime, pd.DataFrame]


def read_given(
    table: Table, specs: Specs, horizon_days: int, now: datetime
) -> tuple[list[Moment], pd.DataFrame, datetime]:
    """Return each instant with its facts, the churns, and until when churn is known.

    Raises:
        UsageError: nothing says who left, or since when somebody is a customer.
    """
    if not {"churned", "churned_at"} & specs.keys():
        raise UsageError(
            f"{table.name} does not say who left.", hint="Map churned (1 or 0), churned_at, or ended_at."
        )
    if not {"days_as_customer", "customer_since"} & specs.keys():
        raise UsageError(
            f"{table.name} does not say since when an account is a customer.",
            hint="Map days_as_customer, customer_since, or started_at.",
        )
    frame = read_rows(table, specs)
    if "as_of" not in frame:
        frame["as_of"] = pd.Timestamp(now.astimezone(UTC).replace(tzinfo=None)).as_unit("us")
    keep_aside(table, frame["as_of"].isna(), "no as_of.")
    if "churned_at" not in frame:
        keep_aside(table, frame["churned"].isna(), "churned is not given.")
    again = frame.loc[table.frame.index].duplicated(["as_of", "account_id"])
    keep_aside(table, again, "the account comes twice at one instant.")
    rows = frame.loc[table.frame.index]
    if rows.empty:
        raise UsageError(f"{table.name} has no usable rows.", hint="; ".join(table.aside.notes()))
    moments = [_moment(group) for _, group in rows.groupby("as_of")]
    if "churned_at" in rows:
        return moments, _told_churns(rows), now.astimezone(UTC).replace(tzinfo=None)
    last = pd.Timestamp(rows["as_of"].max()).to_pydatetime(warn=False)
    return moments, _marked_churns(rows, horizon_days), last + timedelta(days=horizon_days)


def _moment(rows: pd.DataFrame) -> Moment:
    """Return the instant that the rows are of, aware, with their facts."""
    moment = pd.Timestamp(rows["as_of"].iloc[0])
    return moment.to_pydatetime(warn=False).replace(tzinfo=UTC), _derived(rows, moment)


def _told_churns(rows: pd.DataFrame) -> pd.DataFrame:
    left = rows.dropna(subset="churned_at").drop_duplicates(["account_id", "churned_at"])
    return left.assign(kind=_kinds(left))[list(CHURN_COLUMNS)]


def _marked_churns(rows: pd.DataFrame, horizon_days: int) -> pd.DataFrame:
    """Return a churn per run of marked snapshots: those within a horizon of its first foretell the same."""
    horizon = pd.Timedelta(days=horizon_days)
    marked = rows[rows["churned"].astype(bool)]
    marked = marked.assign(kind=_kinds(marked)).sort_values(["account_id", "as_of"])
    found: list[tuple[str, pd.Timestamp, str]] = []
    for account, moment, kind in marked[["account_id", "as_of", "kind"]].itertuples(index=False):
        if not found or found[-1][0] != account or moment >= found[-1][1]:
            found.append((account, moment + horizon, kind))
    return pd.DataFrame(found, columns=list(CHURN_COLUMNS))


def _kinds(rows: pd.DataFrame) -> Any:
    return rows["churn_kind"].fillna(VOLUNTARY) if "churn_kind" in rows else VOLUNTARY


def _derived(facts: pd.DataFrame, moment: pd.Timestamp) -> pd.DataFrame:
    """Return the facts of an instant with days counted from the dates that are there."""
    more: dict[str, Any] = {"described_on": moment.date()}
    if "days_as_customer" not in facts:
        more["days_as_customer"] = (moment - facts["customer_since"]).dt.days
    if "days_to_renewal" not in facts and "renewal_date" in facts:
        more["days_to_renewal"] = (facts["renewal_date"] - moment).dt.days
    if "invoices_ever" not in facts and "invoices" in facts:
        more["invoices_ever"] = facts["invoices"]
    for survey in ("nps", "csat"):
        if survey in facts and f"{survey}_answers" not in facts:
            more[f"{survey}_answers"] = facts[survey].notna().astype(float)
    return facts.assign(**more).drop(
        columns=[name for name in facts if name in KEYS and name != "account_id"]
    )
