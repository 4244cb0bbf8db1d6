"""Gathers what a plan is made from: marts, landing and store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from crm_sync.plan import MadeFrom, PlanInputs
from crm_sync.properties import COMPANIES
from saaskpi.errors import StoreError
from warehouse.landing import Landing
from warehouse.marts import Marts
from warehouse.store import Store

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
    pulled_at = landing.pulled_at("hubspot_companies")
    return PlanInputs(
        made_from=MadeFrom(run_id, landing.pull(), portal_id),
        accounts=marts.read("accounts"),
        flags=marts.read("account_flags"),
        episodes=store.flag_episodes(),
        matches=marts.read("account_match"),
        items=marts.read("subscription_items"),
        companies=newest_rows(landing, "hubspot_companies", ("id", "archived", "properties")),
        pushed=store.pushed(COMPANIES, since=pulled_at),
        definitions=newest_rows(landing, "hubspot_properties", _DEFINITION, ("object_type", "name")),
        definitions_pulled_at=landing.pulled_at("hubspot_properties"),
        owners=newest_rows(landing, "hubspot_owners", ("id", "archived")),
        tasks=newest_rows(landing, "hubspot_tasks", ("id", "properties")),
        task_ledger=store.task_ledger(),
        set_up=store.set_up(),
        tasks_refused=store.tasks_refused(),
    )


def newest_rows(
    landing: Landing, stream: str, columns: Sequence[str], keys: Sequence[str] = ("id",)
) -> pd.DataFrame:
    """Return some columns of a stream, the newest row per key.

    Columns that the stream lacks are null; a stream that was never read gives no rows.
    """
    tables = [_columns_of(file, columns) for file in landing.files(stream)]
    if not tables:
        return pd.DataFrame({column: pd.Series(dtype=object) for column in columns})
    frame: pd.DataFrame = pa.concat_tables(tables, promote_options="default").to_pandas()
    newest = frame.sort_values("_seq").drop_duplicates(list(keys), keep="last")
    return newest[list(columns)].reset_index(drop=True)


def _columns_of(file: Path, columns: Sequence[str]) -> pa.Table:
    there = set(pq.read_schema(file).names)
    table = pq.read_table(
        file, columns=[one for one in columns if one in there] + ["_seq"], partitioning=None
    )
    for missing in sorted(set(columns) - there):
        table = table.append_column(missing, pa.nulls(len(table)))
    return table.select([*columns, "_seq"])
