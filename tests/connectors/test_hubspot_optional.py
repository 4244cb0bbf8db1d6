"""A portal whose token may not read everything: the pull goes on, and the check says what that costs."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from connectors.hubspot.client import HEALTH_TYPES
from enrichment.sources import SOURCES
from saaskpi.checks import HEALTH_COSTS, run_checks
from saaskpi.settings import CrmSettings
from tap_saaskpi.tap import TapSaaskpi
from tests.support.spine import settings_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox

BASIC = {
    f"crm.{area}.{kind}.read"
    for area in ("objects", "schemas")
    for kind in ("companies", "contacts", "owners")
}


class Counting:
    """Takes the tap's messages and counts the records of each stream."""

    def __init__(self) -> None:
        self.rows: dict[str, int] = {}

    def write_message(self, message: Any) -> None:
        if type(message).__name__ == "RecordMessage":
            self.rows[message.stream] = self.rows.get(message.stream, 0) + 1


def pull(sandbox: Sandbox) -> dict[str, int]:
    """Read what the models need from HubSpot; return the records by stream."""
    told, writer = sandbox.describe()["hubspot"], Counting()
    config = {
        "hubspot_access_token": told["access_token"],
        "hubspot_api_base": told["api_base"],
        "hubspot_requests_per_10_seconds": 100_000,
    }
    wanted = [stream for stream in SOURCES if stream.startswith("hubspot_")]
    TapSaaskpi(config=config, message_writer=writer, only=wanted).sync_all()
    return writer.rows


@pytest.mark.parametrize(
    "granted, left_out",
    [
        ({"tickets", "crm.objects.deals.read", "crm.schemas.deals.read"}, ["feedback_submissions"]),
        ({"tickets", "crm.objects.feedback_submissions.read"}, ["deals"]),
        # May read the definitions but not the deals themselves.
        ({"tickets", "crm.objects.feedback_submissions.read", "crm.schemas.deals.read"}, ["deals"]),
        (set(), ["deals", "feedback_submissions", "tickets"]),
    ],
)
def test_without_a_scope_its_objects_are_left_out_with_one_warning_each(
    make_sandbox: Callable[..., Sandbox],
    caplog: pytest.LogCaptureFixture,
    granted: set[str],
    left_out: list[str],
) -> None:
    sandbox = make_sandbox(hubspot_scopes=BASIC | granted)
    whole = sandbox.counts()["hubspot"]
    with caplog.at_level(logging.WARNING):
        rows = pull(sandbox)
    assert {"hubspot_companies", "hubspot_calls", "hubspot_associations"} <= set(rows)
    missing = sorted(set(SOURCES) & set(whole) - set(rows))
    assert [name for name in missing if whole[name] and name != "hubspot_pipelines"] == [
        f"hubspot_{kind}" for kind in left_out
    ]
    warned = sorted(record.getMessage() for record in caplog.records if "is left out" in record.getMessage())
    assert [text.split(" ")[0] for text in warned] == [f"hubspot_{kind}" for kind in left_out]
    assert all("the token lacks the scope" in text for text in warned)


def test_a_pull_does_not_ask_for_what_people_wrote(make_sandbox: Callable[..., Sandbox]) -> None:
    sandbox = make_sandbox()
    pull(sandbox)
    asked = {
        entry["path"].rpartition("/")[2]: set(str(entry["query"]["properties"]).split(","))
        for entry in sandbox.log.entries()
        if "properties" in entry["query"] and "/objects/" in entry["path"]
    }
    assert "hs_email_direction" in asked["emails"]
    assert "hs_email_text" not in asked["emails"]
    assert "hs_call_body" not in asked["calls"]
    assert "hs_note_body" not in asked["notes"]
    assert "content" not in asked["tickets"]
    assert "hs_content" not in asked["feedback_submissions"]
    assert "description" in asked["companies"]


def test_pipelines_of_what_may_be_read_are_still_read(make_sandbox: Callable[..., Sandbox]) -> None:
    rows = pull(make_sandbox(hubspot_scopes=BASIC | {"tickets"}))
    assert rows["hubspot_pipelines"] == 1


def test_the_check_says_what_a_missing_scope_costs(
    make_sandbox: Callable[..., Sandbox], tmp_path: Path
) -> None:
    settings = settings_for(make_sandbox(hubspot_scopes=BASIC | {"tickets"}), tmp_path)
    found = {check.name: check for check in run_checks(settings, create_properties=False)}
    assert found["HubSpot deals"].state == "todo"
    assert "the token lacks the scope crm.schemas.deals.read" in found["HubSpot deals"].words
    assert HEALTH_COSTS["deals"] in found["HubSpot deals"].words
    assert "NPS and CSAT" in found["HubSpot feedback_submissions"].words
    assert "HubSpot tickets" not in found
    assert not [check for check in found.values() if check.state == "fail"]


def test_names_that_the_portal_does_not_have_are_told(
    make_sandbox: Callable[..., Sandbox], tmp_path: Path
) -> None:
    crm = CrmSettings(
        nps_property="nps_typo", budget_property="support_tier", expansion_pipelines=["EXPANSION ", "Upsells"]
    )
    settings = settings_for(make_sandbox(), tmp_path).model_copy(update={"crm": crm})
    told = [check.words for check in run_checks(settings, create_properties=False) if check.state == "todo"]
    assert [words for words in told if "There is no" in words] == [
        "There is no property nps_typo (crm.nps_property): nothing is read from it.",
        "There is no pipeline Upsells (crm.expansion_pipelines): nothing is read from it.",
    ]


def test_every_optional_object_says_what_it_costs() -> None:
    assert set(HEALTH_COSTS) == set(HEALTH_TYPES)
