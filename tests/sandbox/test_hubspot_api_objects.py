"""HubSpot's objects over HTTP: who gets in, lists, writes, and what is refused."""

import time
from collections.abc import Callable

import pytest

from sandbox.crm import Crm
from tests.support.hubspot_caller import NOW, OBJECTS, Caller, company

# -- who gets in ---------------------------------------------------------------------------------


def test_only_the_accounts_token_gets_in(call_with: Callable[..., Caller]) -> None:
    refused = call_with(token="somebody-else")("GET", f"{OBJECTS}/companies")
    assert (refused.status_code, refused.json["category"]) == (401, "INVALID_AUTHENTICATION")


def test_a_missing_scope_is_named(call_with: Callable[..., Caller]) -> None:
    call = call_with(scopes=frozenset({"crm.objects.companies.read"}))
    call.ok("GET", f"{OBJECTS}/companies")
    for path, scope in (
        (f"{OBJECTS}/contacts", "crm.objects.contacts.read"),
        ("/crm/owners/2026-03", "crm.objects.owners.read"),
        ("/crm/properties/2026-03/companies", "crm.schemas.companies.read"),
        (f"{OBJECTS}/tickets", "tickets"),
    ):
        refused = call("GET", path)
        assert (refused.status_code, refused.json["category"]) == (403, "MISSING_SCOPES")
        assert refused.json["errors"][0]["context"]["requiredGranularScopes"] == [scope]
    written = call("POST", f"{OBJECTS}/companies", {"properties": {"name": "A"}})
    assert written.json["errors"][0]["context"]["requiredGranularScopes"] == ["crm.objects.companies.write"]


def test_limits_count_down_and_then_refuse(call_with: Callable[..., Caller]) -> None:
    call = call_with(rate_limits=True, burst=3)
    left = [call("GET", f"{OBJECTS}/companies").headers["X-HubSpot-RateLimit-Remaining"] for _ in range(3)]
    assert left == ["2", "1", "0"]
    refused = call("GET", f"{OBJECTS}/companies")
    assert (refused.status_code, refused.json["policyName"]) == (429, "TEN_SECONDLY_ROLLING")
    assert "Retry-After" not in refused.headers


def test_the_daily_limit_and_searchs_own(call_with: Callable[..., Caller]) -> None:
    daily = call_with(rate_limits=True, daily=1)
    daily("GET", f"{OBJECTS}/companies")
    assert daily("GET", f"{OBJECTS}/companies").json["policyName"] == "DAILY"
    searching = call_with(rate_limits=True)
    answers = [searching("POST", f"{OBJECTS}/companies/search", {}) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert answers[-1].json["policyName"] == "SECONDLY"
    assert not any(name.startswith("X-HubSpot-RateLimit") for name in dict(answers[0].headers))


def test_both_dated_versions_answer_and_no_other(call: Caller) -> None:
    for version, status in (("2026-03", 200), ("2026-09", 200), ("2025-09", 404), ("v3", 404)):
        assert call("GET", f"/crm/objects/{version}/companies").status_code == status


def test_an_url_that_is_too_long(call: Caller) -> None:
    names = ",".join(f"property_{number}" for number in range(1_500))
    assert call("GET", f"{OBJECTS}/companies?properties={names}").status_code == 414


def test_an_unknown_type_or_a_broken_body(call: Caller) -> None:
    assert "Unable to infer object type" in call("GET", f"{OBJECTS}/nonsense").json["message"]
    assert call("POST", f"{OBJECTS}/companies", [1]).status_code == 400
    assert call("POST", f"{OBJECTS}/companies", {"properties": {"name": ["A"]}}).status_code == 400
    assert call("PUT", f"{OBJECTS}/companies").status_code == 405


# -- lists ---------------------------------------------------------------------------------------


def test_pages_hold_every_row_once_though_rows_come_and_go(call: Caller) -> None:
    ids = [company(call, name=f"C{number}") for number in range(7)]
    first = call.ok("GET", f"{OBJECTS}/companies?limit=3")
    call("DELETE", f"{OBJECTS}/companies/{ids[1]}")
    late = company(call, name="late")
    seen, after = [row["id"] for row in first["results"]], first["paging"]["next"]["after"]
    while after:
        page = call.ok("GET", f"{OBJECTS}/companies?limit=3&after={after}")
        seen += [row["id"] for row in page["results"]]
        after = page.get("paging", {}).get("next", {}).get("after")
    assert seen == [*ids, late]


def test_list_limits(call: Caller) -> None:
    assert call("GET", f"{OBJECTS}/companies?limit=101").status_code == 400
    assert call("GET", f"{OBJECTS}/companies?limit=51&propertiesWithHistory=name").status_code == 400
    assert call("GET", f"{OBJECTS}/companies?after=nonsense").status_code == 400


def test_properties_asked_for_unknown_ones_left_out_and_empty_ones_null(call: Caller) -> None:
    company(call, city="Lyon")
    row = call.ok("GET", f"{OBJECTS}/companies?properties=city,phone&properties=nonsense")["results"][0]
    assert set(row["properties"]) == {"city", "phone", "createdate", "hs_lastmodifieddate", "hs_object_id"}
    assert (row["properties"]["city"], row["properties"]["phone"]) == ("Lyon", None)
    defaults = call.ok("GET", f"{OBJECTS}/companies")["results"][0]["properties"]
    assert {"name", "domain"} <= set(defaults)


def test_archived_rows_have_their_own_list(call: Caller) -> None:
    kept, gone = company(call), company(call)
    call.ok("DELETE", f"{OBJECTS}/companies/{gone}", status=204)
    assert [row["id"] for row in call.ok("GET", f"{OBJECTS}/companies")["results"]] == [kept]
    archived = call.ok("GET", f"{OBJECTS}/companies?archived=true")["results"]
    assert [(row["id"], row["archived"], "archivedAt" in row) for row in archived] == [(gone, True, True)]
    assert call("GET", f"{OBJECTS}/companies/{gone}").status_code == 404


def test_history_newest_first(call: Caller) -> None:
    id_ = company(call, city="Lyon")
    call.ok("PATCH", f"{OBJECTS}/companies/{id_}", {"properties": {"city": "Nice"}})
    row = call.ok("GET", f"{OBJECTS}/companies/{id_}?propertiesWithHistory=city,name")
    assert [each["value"] for each in row["propertiesWithHistory"]["city"]] == ["Nice", "Lyon"]
    assert [each["value"] for each in row["propertiesWithHistory"]["name"]] == ["A"]


def test_inline_associations_have_their_own_paging(call: Caller, empty_crm: Crm) -> None:
    id_ = company(call)
    for number in range(101):
        note = empty_crm.insert("notes", {"hs_note_body": str(number)}, NOW)
        empty_crm.links.link(("notes", "companies"), note.id, int(id_))
    inline = call.ok("GET", f"{OBJECTS}/companies/{id_}?associations=notes,deals")["associations"]
    assert set(inline) == {"notes"}
    assert len(inline["notes"]["results"]) == 100
    after = inline["notes"]["paging"]["next"]["after"]
    rest = call.ok("GET", f"{OBJECTS}/companies/{id_}/associations/notes?after={after}")["results"]
    ids = {row["id"] for row in inline["notes"]["results"]} | {row["toObjectId"] for row in rest}
    assert len(ids) == 101


# -- values --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name,value,stored",
    [
        ("numberofemployees", "12", "12"),
        ("numberofemployees", "12.50", "12.50"),
        ("contract_end", "2026-12-31", "2026-12-31"),
        ("contract_end", "1798675200000", "2026-12-31"),
        ("product_last_active_at", "2026-10-01T10:00:00+02:00", "2026-10-01T08:00:00Z"),
        ("product_last_active_at", "1790841600123", "2026-10-01T08:00:00.123Z"),
        ("is_reference", "TRUE", "true"),
        ("support_tier", "premium", "premium"),
        ("products_used", "api;mobile", "api;mobile"),
        ("domain", "Firm.Example", "firm.example"),
        ("hubspot_owner_id", "71", "71"),
        ("hubspot_owner_id", "72", "72"),
    ],
)
def test_values_that_are_taken(call: Caller, name: str, value: str, stored: str) -> None:
    id_ = company(call, **{name: value})
    assert call.ok("GET", f"{OBJECTS}/companies/{id_}?properties={name}")["properties"][name] == stored


@pytest.mark.parametrize(
    "name,value,code",
    [
        ("nonsense", "1", "PROPERTY_DOESNT_EXIST"),
        ("hs_object_id", "1", "READ_ONLY_VALUE"),
        ("hs_mrr", "1", "READ_ONLY_VALUE"),
        ("createdate", "2026-01-01", "READ_ONLY_VALUE"),
        ("numberofemployees", "twelve", "INVALID_DOUBLE"),
        ("numberofemployees", "NaN", "INVALID_DOUBLE"),
        ("contract_end", "31.12.2026", "INVALID_DATE"),
        ("contract_end", "2026-12-31T10:00:00Z", "INVALID_DATE"),
        ("product_last_active_at", "yesterday", "INVALID_LONG"),
        ("is_reference", "yes", "INVALID_OPTION"),
        ("support_tier", "Premium", "INVALID_OPTION"),
        ("products_used", "api;Mobile", "INVALID_OPTION"),
        ("hubspot_owner_id", "999", "INVALID_OPTION"),
        ("description", "x" * 65_537, "PROPERTY_VALUE_TOO_LONG"),
    ],
)
def test_values_that_are_refused(call: Caller, name: str, value: str, code: str) -> None:
    refused = call("POST", f"{OBJECTS}/companies", {"properties": {"name": "A", name: value}})
    assert (refused.status_code, refused.json["category"]) == (400, "VALIDATION_ERROR")
    assert [error["code"] for error in refused.json["errors"]] == [code]


def test_empty_clears_and_a_leading_semicolon_appends(call: Caller) -> None:
    id_ = company(call, city="Lyon", products_used="api")
    path = f"{OBJECTS}/companies/{id_}"
    call.ok("PATCH", path, {"properties": {"city": "", "products_used": ";mobile;api"}})
    found = call.ok("GET", f"{path}?properties=city,products_used")["properties"]
    assert (found["city"], found["products_used"]) == (None, "api;mobile")


def test_only_a_change_touches_the_modified_date(call: Caller) -> None:
    id_ = company(call, city="Lyon")
    path = f"{OBJECTS}/companies/{id_}"
    before = call.ok("GET", path)["updatedAt"]
    time.sleep(0.005)
    assert call.ok("PATCH", path, {"properties": {"city": "Lyon"}})["updatedAt"] == before
    assert call.ok("PATCH", path, {"properties": {"city": "Nice"}})["updatedAt"] > before


def test_what_a_new_record_must_have(call: Caller) -> None:
    for kind, missing in (("tasks", ["hs_timestamp"]), ("companies", ["name", "domain"])):
        refused = call("POST", f"{OBJECTS}/{kind}", {"properties": {}})
        assert (refused.status_code, refused.json["context"]["properties"]) == (400, missing)


def test_a_contacts_email_is_unique_in_any_case(call: Caller) -> None:
    made = call.ok("POST", f"{OBJECTS}/contacts", {"properties": {"email": "A@firm.example"}}, 201)
    twice = call("POST", f"{OBJECTS}/contacts", {"properties": {"email": "a@FIRM.example"}})
    assert twice.status_code == 409
    assert made["id"] in twice.json["message"]
    found = call.ok("GET", f"{OBJECTS}/contacts/a@firm.example?idProperty=email")
    assert found["id"] == made["id"]
    assert call("GET", f"{OBJECTS}/contacts/x?idProperty=lastname").status_code == 400


def test_surveys_cannot_be_written(call: Caller) -> None:
    refused = call("POST", f"{OBJECTS}/feedback_submissions/batch/create", {"inputs": [{"properties": {}}]})
    assert refused.status_code == 405


def test_a_record_can_be_made_with_its_links(call: Caller) -> None:
    id_ = company(call)
    task = {
        "properties": {"hs_timestamp": "2026-11-01T00:00:00Z", "hubspot_owner_id": "71"},
        "associations": [
            {
                "to": {"id": id_},
                "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 192}],
            }
        ],
    }
    made = call.ok("POST", f"{OBJECTS}/tasks", task, 201)
    linked = call.ok("GET", f"{OBJECTS}/tasks/{made['id']}?associations=companies")["associations"]
    assert linked == {"companies": {"results": [{"id": id_, "type": "task_to_company"}]}}
    task["associations"][0]["types"][0]["associationTypeId"] = 204  # type: ignore[index]
    assert call("POST", f"{OBJECTS}/tasks", task).status_code == 400
