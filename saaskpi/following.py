"""Lets the store follow companies that were merged or deleted in HubSpot, as the landing tells of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import pyarrow.compute as pc
import pyarrow.parquet as pq

from connectors.hubspot.anew import MERGED_IDS
from crm_sync.frames import living
from crm_sync.inputs import newest_rows
from saaskpi.rereading import Reread
from warehouse.rekeying import Rekeying

if TYPE_CHECKING:
    from saaskpi.pipeline import Pipeline
    from warehouse.landing import Landing

_COMPANIES: Final = "companies"
_STREAM: Final = "hubspot_companies"
_MERGED: Final = rf'"{MERGED_IDS}": ?"[0-9]'


def follow_all(pipeline: Pipeline) -> int:
    """Follow every company that the landing knows to be merged or gone; return how many rows changed."""
    landing, rekeying = pipeline.landing, Rekeying(pipeline.store.engine)
    if _STREAM not in landing.streams():
        return 0  # numbers that were imported have accounts of their own
    changed = rekeying.merged(survivors_in(landing))
    there = set(living(newest_rows(landing, _STREAM, ("id", "archived")))["id"].astype(str))
    # Other accounts are Stripe customers, whose ids are no numbers.
    return changed + rekeying.gone({one for one in rekeying.announced() if one.isdigit()} - there)


def follow_some(pipeline: Pipeline, found: Reread) -> int:
    """Follow the companies that reading anew found merged or gone; return how many rows changed."""
    rekeying = Rekeying(pipeline.store.engine)
    survivors = {old.id: new.id for old, new in found.merged.items() if old.kind == _COMPANIES}
    missing = {ref.id for ref in found.missing if ref.kind == _COMPANIES} - set(survivors)
    return rekeying.merged(survivors) + rekeying.gone(missing)


def survivors_in(landing: Landing) -> dict[str, str]:
    """Return for each company that was merged the one that it is part of, as read at any time.

    A merge is never undone in HubSpot; so rows that no longer count may be asked too, and a company that was
    merged again is found under its own id.
    """
    survivors: dict[str, str] = {}
    for path in landing.files(_STREAM):
        table = pq.read_table(path, columns=["id", "properties"], partitioning=None)
        merged = table.filter(pc.match_substring_regex(table["properties"], _MERGED))
        for into, text in zip(merged["id"].to_pylist(), merged["properties"].to_pylist(), strict=True):
            ids = str(json.loads(str(text))[MERGED_IDS]).split(";")
            survivors |= {one: str(into) for one in ids if one and one != str(into)}
    return survivors
