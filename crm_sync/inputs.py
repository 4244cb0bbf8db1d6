"""Gathers what a plan is made from: marts, landing and store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from crm_sync.plan import MadeFrom, PlanInputs
from crm_sync.properties import COMPANIES
from saaskpi.errors import StoreError
from warehouse.deltas import JOINED, Void
from warehouse.landing import Landing
from warehouse.landing_reader import LandingReader
from warehouse.marts import Marts
from warehouse.store import Store

READ_AT = "read_at"
_DEFINITION = ("object_type", "name", "type", "archived", "hasUniqueValue", "options")


def gather(landing: Landing, marts: Marts, store: Store, portal_id: str) -> PlanInputs:
    """Return the inputs of a plan for the current run.

    Args:
        landing: gives the CRM's current values, definitions, owners and tasks.
        marts: gives the accounts, flags and matches.
        store: gives the ledgers.
        portal_id: of the HubSpot portal; part of every task's key.

    Raises:
        StoreError: nothing has been pulled or enriched yet.
    """
    run_id = store.current_run()
    if run_id is None:
        raise StoreError("There is no finished run yet.", hint="Run `saaskpi run` first.")
    companies = newest_rows(landing, "hubspot_companies", ("id", "archived", "properties"))
    companies["read_at"] = landing.pulled_at("hubspot_companies")
    return PlanInputs(
        made_from=MadeFrom(run_id, landing.pull(), portal_id),
        accounts=marts.read("accounts"),
        flags=marts.read("account_flags"),
        episodes=store.flag_episodes(),
        matches=marts.read("account_match"),
        items=marts.read("subscription_items"),
        companies=companies,
        pushed=store.pushed(COMPANIES),
        definitions=newest_rows(landing, "hubspot_properties", _DEFINITION, ("object_type", "name")),
        definitions_pulled_at=landing.pulled_at("hubspot_properties"),
        owners=newest_rows(landing, "hubspot_owners", ("id", "archived")),
        tasks=newest_rows(landing, "hubspot_tasks", ("id", "properties")),
        task_ledger=store.task_ledger(),
        set_up=store.set_up(),
        tasks_refused=store.tasks_refused(),
    )


def newest_rows(
    landing: LandingReader, stream: str, columns: Sequence[str], keys: Sequence[str] = ("id",)
) -> pd.DataFrame:
    """Return some columns of a stream, the newest row per key; void rows are left out.

    Columns that the stream lacks are null; a stream that was never read gives no rows. ``read_at`` among the
    columns is the moment (UTC, aware) at which the pull or delta that read the row began.
    """
    view = landing.view()
    tables = [_columns_of(file, columns, view.gone(stream)) for file in view.files(stream)]
    if not tables:
        return pd.DataFrame({column: pd.Series(dtype=object) for column in columns})
    frame: pd.DataFrame = pa.concat_tables(tables, promote_options="default").to_pandas()
    newest = frame.sort_values("_seq").drop_duplicates(list(keys), keep="last").reset_index(drop=True)
    if READ_AT in columns:
        read_at = newest[READ_AT].astype("datetime64[us]").dt.tz_localize("UTC")
        # Rows of a full read share the moment at which it began.
        newest[READ_AT] = read_at.fillna(view.pulled_at(stream)) if read_at.hasnans else read_at
    return newest[list(columns)]


def _columns_of(file: Path, columns: Sequence[str], gone: Sequence[Void]) -> pa.Table:
    there = set(pq.read_schema(file).names)
    ruled = {column for rule in gone for column in rule.column.split(JOINED)}
    held = "_" + READ_AT
    wanted = {*columns, *ruled, held, "_seq"} & there
    table = pq.read_table(file, columns=sorted(wanted), partitioning=None)
    table = _without(table, gone) if gone else table
    if READ_AT in columns:
        read_at = table[held] if held in there else pa.nulls(len(table), pa.timestamp("us"))
        table = table.append_column(READ_AT, read_at)
    for missing in sorted(set(columns) - there - {READ_AT}):
        table = table.append_column(missing, pa.nulls(len(table)))
    return table.select([*columns, "_seq"])


def _without(table: pa.Table, gone: Sequence[Void]) -> pa.Table:
    """Leave out the rows that a later delta declared void."""
    seqs: list[Any] = table["_seq"].to_pylist()
    kept = [True] * len(seqs)
    rules: dict[str, dict[str, int]] = {}
    for rule in gone:
        rules.setdefault(rule.column, {})[rule.value] = rule.seq
    for column, limits in rules.items():
        parts = [table[name].to_pylist() for name in column.split(JOINED)]
        for number, values in enumerate(zip(*parts, strict=True)):
            if seqs[number] < limits.get(JOINED.join(map(str, values)), 0):
                kept[number] = False
    return table.filter(pa.array(kept, pa.bool_()))
