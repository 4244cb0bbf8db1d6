"""Facts about accounts: what HubSpot says of touches, key contacts, surveys, tickets and deals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from enrichment.engine import EngineProtocol
from enrichment.facts.parts import leave_unknown
from enrichment.facts.sources import FactSources
from enrichment.money import CURRENCIES, exponent
from enrichment.sources import take_newest
from enrichment.sql import run_models
from enrichment.tables import REJECTED_ROWS

STREAMS: Final = (
    "hubspot_calls",
    "hubspot_emails",
    "hubspot_meetings",
    "hubspot_notes",
    "hubspot_tickets",
    "hubspot_feedback_submissions",
    "hubspot_deals",
    "hubspot_associations",
    "hubspot_pipelines",
)
"""The streams that only these facts are read from."""
TABLES: Final = ("account_engagement", "account_satisfaction", "account_deals")
DATED: Final = (
    "crm_links",
    "crm_contact_homes",
    "crm_contacts",
    "crm_homes",
    "crm_activities",
    "crm_touches",
    "crm_touch_contacts",
    "crm_survey_rows",
    "crm_answers",
    "crm_ticket_rows",
    "crm_tickets",
    "crm_expansions",
    "crm_budgets",
    "crm_firsts",
    "crm_rejected",
)
"""What is read from the landing once, each row dated; ``crm_rejected`` is what no fact is read from."""
AT_AN_INSTANT: Final = (
    "crm_key_contacts",
    "crm_new_deciders",
    "account_engagement",
    "crm_latest_answers",
    "crm_answer_sums",
    "crm_ticket_sums",
    "account_satisfaction",
    "account_deals",
)
RENEWAL_WORDS: Final = ("renew", "renouvel", "reconduction")
"""A deal pipeline with one of these in its label (English, French) holds renewals, not expansion."""

CRM_FIRSTS: Final = {"activities_since": "TIMESTAMP", "tickets_since": "TIMESTAMP"}
"""The one row that says since when the portal logs activities and has tickets at all."""

_TEXT, _BOOL = "VARCHAR", "BOOLEAN"
_SETTINGS: Final = {"budget_property": _TEXT, "names_pipelines": _BOOL}
_SURVEY_PROPERTIES: Final = {"kind": _TEXT, "property": _TEXT}
_PIPELINES: Final = {"pipeline_id": _TEXT, "is_named": _BOOL, "is_renewal": _BOOL}
_STAGES: Final = {"object_type": _TEXT, "pipeline_id": _TEXT, "stage_id": _TEXT, "is_closed": _BOOL}
_MINOR_UNITS: Final = {"currency": _TEXT, "minor_units": "BIGINT"}


def prepare_crm(engine: EngineProtocol, sources: FactSources) -> None:
    """Build the dated tables, once for all instants.

    Args:
        engine: holds the landed ``STREAMS``, ``latest_hubspot_companies``, ``latest_hubspot_contacts`` and
            ``account_customers``. What no fact is read from is left in ``crm_rejected`` (stream, id, reason)
            for the caller to show.
        sources: the portal's own properties and pipelines.
    """
    run_models(engine, ("crm_companies",))
    if not _has_companies(engine):
        engine.fill("crm_rejected", REJECTED_ROWS, [])
        engine.fill("crm_firsts", CRM_FIRSTS, [])
        return
    take_newest(engine, STREAMS)
    surveys = [("nps", sources.nps_property), ("csat", sources.csat_property)]
    settings = (sources.budget_property, bool(sources.expansion_pipelines))
    pipelines = engine.rows("SELECT * FROM latest_hubspot_pipelines ORDER BY object_type, id")
    engine.fill("crm_settings", _SETTINGS, [settings])
    engine.fill("crm_survey_properties", _SURVEY_PROPERTIES, [row for row in surveys if row[1]])
    engine.fill("crm_currencies", _MINOR_UNITS, [(code, 10 ** exponent(code)) for code in CURRENCIES])
    engine.fill("crm_stages", _STAGES, list(_stages(pipelines)))
    engine.fill("crm_pipelines", _PIPELINES, _deal_pipelines(pipelines, sources.expansion_pipelines))
    run_models(engine, DATED)


def describe_crm(engine: EngineProtocol) -> None:
    """Leave the facts at the instant of ``run_clock``: one row per account whose company the CRM has by then.

    Args:
        engine: holds what :func:`prepare_crm` left.
    """
    if _has_companies(engine):
        run_models(engine, AT_AN_INSTANT)
    else:
        leave_unknown(engine, TABLES)


def _has_companies(engine: EngineProtocol) -> bool:
    """Tell whether any account is in the CRM; without one there is nothing to build."""
    return bool(engine.rows("SELECT account_id FROM crm_companies LIMIT 1"))


def _stages(pipelines: list[dict[str, Any]]) -> Iterator[tuple[str, str, str, bool]]:
    """Yield every stage with whether deals or tickets in it are over."""
    for row in pipelines:
        stages = {
            str(stage.get("id")): stage.get("metadata") or {} for stage in json.loads(row["stages"] or "[]")
        }
        for stage_id, metadata in stages.items():
            closed = (
                str(metadata.get("isClosed", "")).lower() == "true" or metadata.get("ticketState") == "CLOSED"
            )
            yield row["object_type"], row["id"], stage_id, closed


def _deal_pipelines(pipelines: list[dict[str, Any]], named: tuple[str, ...]) -> list[tuple[str, bool, bool]]:
    """Return (id, named for expansion, holds renewals) of deal pipelines; an unknown name may be an id."""
    wanted = {name.strip().casefold() for name in named}
    found = {name.strip(): (name.strip(), True, False) for name in named}
    for row in pipelines:
        if row["object_type"] == "deals":
            label = (row["label"] or "").strip().casefold()
            is_named = row["id"].casefold() in wanted or label in wanted
            is_renewal = any(word in label for word in RENEWAL_WORDS)
            found[row["id"]] = (row["id"], is_named, is_renewal)
    return list(found.values())
