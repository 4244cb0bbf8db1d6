"""Gathers what a plan is made from: marts, landing and store."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from crm_sync.guards import FEW_COMPANIES
from crm_sync.plan import MadeFrom, PlanInputs
from crm_sync.properties import COMPANIES, CUSTOMER_IDS, FIELDS, TASK_KEY
from crm_sync.task_states import survivors_of
from saaskpi.errors import StoreError
from warehouse.deltas import JOINED, Void, without_void
from warehouse.landing import Landing
from warehouse.landing_reader import LandingReader
from warehouse.marts import Marts, any_of
from warehouse.parquet import read_small
from warehouse.store import Store

READ_AT = "read_at"
_COMPANY = ("id", "archived", "properties", READ_AT)
_DEFINITION = ("object_type", "name", "type", "archived", "hasUniqueValue", "options")
_SMALL = 1_000
_OURS = (*(one.property.name for one in FIELDS), TASK_KEY)


@dataclass(frozen=True, slots=True)
class CrmRows:
    """What the landing holds of the CRM, but for tasks.

    Attributes:
        companies: the newest row of each.
        definitions: of our properties.
        owners: all.
        asked: ids of the companies that were looked for; None for all.
    """

    companies: pd.DataFrame
    definitions: pd.DataFrame
    owners: pd.DataFrame
    asked: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Only:
    """A part of the accounts, for a plan that leaves everything else as it is.

    Attributes:
        accounts: ids of accounts.
        companies: ids of companies that may have gained or lost an account, beside those of the accounts.
        crm: what the landing holds for them, if it was read already.
    """

    accounts: frozenset[str]
    companies: frozenset[str] = frozenset()
    crm: CrmRows | None = None


def crm_rows(landing: LandingReader, companies: Collection[str] | None = None) -> CrmRows:
    """Read what a plan takes from the landing.

    Args:
        landing: of the home.
        companies: ids of those to look for; None for all.
    """
    only = None if companies is None else {"id": companies}
    return CrmRows(
        newest_rows(landing, "hubspot_companies", _COMPANY, only=only),
        newest_rows(
            landing, "hubspot_properties", _DEFINITION, ("object_type", "name"), only={"name": _OURS}
        ),
        newest_rows(landing, "hubspot_owners", ("id", "archived")),
        None if companies is None else frozenset(companies),
    )


def gather(
    landing: Landing, marts: Marts, store: Store, portal_id: str, only: Only | None = None
) -> PlanInputs:
    """Return the inputs of a plan for the current run.

    Args:
        landing: gives the CRM's current values, definitions, owners and tasks.
        marts: gives the accounts, flags and matches.
        store: gives the ledgers.
        portal_id: of the HubSpot portal; part of every task's key.
        only: what to plan for; None for everything. A company outside of it is neither written nor cleared.

    Raises:
        StoreError: nothing has been pulled or enriched yet.
    """
    run_id = store.current_run()
    if run_id is None:
        raise StoreError("There is no finished run yet.", hint="Run `saaskpi run` first.")
    patch = marts.last_patch(run_id)  # before anything is read: what comes meanwhile is newer than the plan
    scope = _scope(landing, marts, portal_id, only)
    task_ledger = store.task_ledger(scope.task_keys)
    return PlanInputs(
        made_from=MadeFrom(run_id, landing.pull(), portal_id, patch),
        accounts=scope.accounts,
        flags=marts.read("account_flags", where=scope.of_accounts),
        episodes=store.flag_episodes(scope.known_as),
        matches=marts.read("account_match", where=scope.of_customers),
        items=marts.read("subscription_items", where=scope.of_accounts),
        companies=scope.crm.companies,
        pushed=store.pushed(COMPANIES, scope.company_ids),
        intended=store.intended(COMPANIES, scope.company_ids),
        definitions=scope.crm.definitions,
        definitions_pulled_at=landing.pulled_at("hubspot_properties"),
        owners=scope.crm.owners,
        tasks=newest_rows(
            landing, "hubspot_tasks", ("id", "properties"), only=_tasks(store, task_ledger, only)
        ),
        task_ledger=task_ledger,
        set_up=store.set_up(),
        tasks_refused=store.tasks_refused(),
        carrying=None if scope.company_ids is None else _carrying(store, scope.company_ids),
        tasks_read_at=landing.pulled_at("hubspot_tasks"),
    )


@dataclass(frozen=True)
class _Scope:
    """What a plan looks at; None among the ids and conditions stands for everything.

    Attributes:
        accounts: the accounts table.
        crm: what the CRM holds of theirs.
        company_ids: of these companies.
        known_as: ids that the accounts have, or had before a merge: what was known of a company that was
            merged is known of its survivor.
        task_keys: how the keys of their tasks begin.
        of_accounts, of_customers: choose the rows of tables.
    """

    accounts: pd.DataFrame
    crm: CrmRows
    company_ids: list[str] | None = None
    known_as: list[str] | None = None
    task_keys: list[str] | None = None
    of_accounts: Mapping[str, Collection[str]] | None = None
    of_customers: Mapping[str, Collection[str]] | None = None


def _scope(landing: Landing, marts: Marts, portal_id: str, only: Only | None) -> _Scope:
    if only is None:
        return _Scope(marts.read("accounts"), crm_rows(landing))
    # A company's accounts are looked for too: only without any of them it is to be cleared.
    wanted = {"account_id": only.accounts, "company_id": only.companies}
    accounts = marts.read("accounts", where=wanted)
    ids = _of(accounts, "account_id")
    company_ids = [*_of(accounts, "company_id"), *only.companies]
    crm = _of_companies(company_ids, only.crm) or crm_rows(landing, company_ids)
    known_as = sorted({*ids, *only.accounts, *survivors_of(crm.companies)})
    return _Scope(
        accounts,
        crm,
        company_ids,
        known_as,
        [f"{portal_id}:{one}:" for one in known_as],
        {"account_id": ids},
        {"customer_id": frozenset(one for row in accounts["stripe_customer_ids"] for one in row)},
    )


def _of_companies(ids: Collection[str], crm: CrmRows | None) -> CrmRows | None:
    """Return what was read, of some companies alone; None when not all of these were looked for."""
    if crm is None or crm.asked is None or not crm.asked.issuperset(ids):
        return None
    companies = crm.companies[crm.companies["id"].isin(list(ids))]
    return replace(crm, companies=companies.reset_index(drop=True), asked=frozenset(ids))


def _of(frame: pd.DataFrame, column: str) -> list[str]:
    return [str(value) for value in frame[column].dropna().unique().tolist()]


def _tasks(store: Store, ledger: pd.DataFrame, only: Only | None) -> dict[str, list[str]] | None:
    """Return which tasks are looked at: of some accounts those that we know, and all after a lost store."""
    return None if only is None or not store.knows_tasks() else {"id": _of(ledger, "task_id")}


def _carrying(store: Store, companies: Sequence[str]) -> int:
    """Count the companies that carry our values, where that matters: a few companies trip no guard."""
    return 0 if len(companies) < FEW_COMPANIES else store.carrying(COMPANIES, CUSTOMER_IDS)


def newest_rows(
    landing: LandingReader,
    stream: str,
    columns: Sequence[str],
    keys: Sequence[str] = ("id",),
    *,
    only: Mapping[str, Collection[str]] | None = None,
) -> pd.DataFrame:
    """Return some columns of a stream, the newest row per key; void rows are left out.

    Columns that the stream lacks are null; a stream that was never read gives no rows. ``read_at`` among the
    columns is the moment (UTC, aware) at which the pull or delta that read the row began. ``only`` names the
    values of a column to look for.
    """
    view = landing.view()
    tables = [_columns_of(file, columns, view.gone(stream), only) for file in view.files(stream)]
    if not tables:
        return pd.DataFrame({column: pd.Series(dtype=object) for column in columns})
    frame: pd.DataFrame = pa.concat_tables(tables, promote_options="default").to_pandas()
    newest = frame.sort_values("_seq").drop_duplicates(list(keys), keep="last").reset_index(drop=True)
    if READ_AT in columns:
        read_at = newest[READ_AT].astype("datetime64[us]").dt.tz_localize("UTC")
        # Rows of a full read share the moment at which it began.
        newest[READ_AT] = read_at.fillna(view.pulled_at(stream)) if read_at.hasnans else read_at
    return newest[list(columns)]


def _columns_of(
    file: Path, columns: Sequence[str], gone: Sequence[Void], only: Mapping[str, Collection[str]] | None
) -> pa.Table:
    with pq.ParquetFile(file) as opened:
        there, is_small = set(opened.schema_arrow.names), opened.metadata.num_rows <= _SMALL
    ruled = {column for rule in gone for column in rule.column.split(JOINED)}
    held, condition = "_" + READ_AT, any_of(only)
    wanted = {*columns, *ruled, *(only or ()), held, "_seq"} & there
    if is_small:
        table = read_small(file, sorted(wanted))
        table = table if condition is None else table.filter(condition)
    else:
        table = pq.read_table(file, columns=sorted(wanted), filters=condition, partitioning=None)
    table = without_void(table, gone)
    if READ_AT in columns:
        read_at = table[held] if held in there else pa.nulls(len(table), pa.timestamp("us"))
        table = table.append_column(READ_AT, read_at)
    for missing in sorted(set(columns) - there - {READ_AT}):
        table = table.append_column(missing, pa.nulls(len(table)))
    return table.select([*columns, "_seq"])
