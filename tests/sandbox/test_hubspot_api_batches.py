"""HubSpot's batches, search, definitions and associations: in part done, refused, repeated."""

from collections.abc import Callable
from typing import Any

import pytest

from sandbox.crm import Crm
from tests.support.hubspot_caller import NOW, OBJECTS, Caller, company

PROPERTIES = "/crm/properties/2026-03"
KEY = {"name": "saaskpi_key", "label": "Key", "type": "string", "fieldType": "text", "hasUniqueValue": True}


def rows(ids: list[str], *, traced: bool, **properties: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [{"id": id_, "properties": dict(properties)} for id_ in ids]
    for place, row in enumerate(found):
        if traced:
            row["objectWriteTraceId"] = f"t{place}"
    return found


# -- batches -------------------------------------------------------------------------------------


def test_a_traced_batch_says_which_rows_failed_and_does_the_rest(call: Caller) -> None:
    ids = [company(call) for _ in range(3)]
    inputs = rows([*ids, "404"], traced=True, city="Lyon")
    inputs[1]["properties"] = {"numberofemployees": "many"}
    answer = call.ok("POST", f"{OBJECTS}/companies/batch/update", {"inputs": inputs}, 207)
    assert [(row["id"], row["objectWriteTraceId"]) for row in answer["results"]] == [
        (ids[0], "t0"),
        (ids[2], "t2"),
    ]
    assert answer["numErrors"] == 2
    contexts = [(error["category"], error["context"]) for error in answer["errors"]]
    assert ("VALIDATION_ERROR", {"objectWriteTraceId": ["t1"]}) in contexts
    assert ("OBJECT_NOT_FOUND", {"ids": ["404"]}) in contexts


def test_without_traces_one_refused_value_refuses_the_whole_batch(call: Caller) -> None:
    ids = [company(call) for _ in range(2)]
    inputs = rows(ids, traced=False, city="Lyon")
    inputs[1]["properties"] = {"nonsense": "1"}
    assert call("POST", f"{OBJECTS}/companies/batch/update", {"inputs": inputs}).status_code == 400
    found = call.ok("GET", f"{OBJECTS}/companies/{ids[0]}?properties=city")
    assert found["properties"]["city"] is None


def test_an_id_that_does_not_exist_is_a_207_even_without_traces(call: Caller) -> None:
    answer = call.ok(
        "POST", f"{OBJECTS}/companies/batch/update", {"inputs": rows(["9"], traced=False, city="L")}, 207
    )
    assert (answer["results"], answer["errors"][0]["context"]) == ([], {"ids": ["9"]})


@pytest.mark.parametrize("action", ["read", "create", "update", "upsert", "archive"])
def test_no_batch_takes_more_than_a_hundred_or_none(call: Caller, action: str) -> None:
    for inputs in ([{"id": str(number), "properties": {}} for number in range(101)], []):
        assert call("POST", f"{OBJECTS}/companies/batch/{action}", {"inputs": inputs}).status_code == 400


def test_the_same_id_twice_is_refused(call: Caller) -> None:
    id_ = company(call)
    refused = call(
        "POST", f"{OBJECTS}/companies/batch/update", {"inputs": rows([id_, id_], traced=True, city="L")}
    )
    assert refused.status_code == 400
    assert "Duplicate IDs" in refused.json["message"]


def test_reading_leaves_out_what_is_not_there_and_knows_unique_properties(call: Caller) -> None:
    made = call.ok("POST", f"{OBJECTS}/contacts", {"properties": {"email": "a@firm.example"}}, 201)
    body = {"inputs": [{"id": "a@firm.example"}, {"id": "b@firm.example"}], "idProperty": "email"}
    answer = call.ok("POST", f"{OBJECTS}/contacts/batch/read", body, 207)
    assert [row["id"] for row in answer["results"]] == [made["id"]]
    assert answer["errors"][0]["context"] == {"ids": ["b@firm.example"]}
    body["idProperty"] = "lastname"
    assert call("POST", f"{OBJECTS}/contacts/batch/read", body).status_code == 400


@pytest.mark.parametrize("id_property", ["hs_object_id", "name", None])
def test_an_upsert_needs_a_unique_property(call: Caller, id_property: str | None) -> None:
    inputs = rows(["1"], traced=True, city="Lyon")
    if id_property is not None:
        inputs[0]["idProperty"] = id_property
    refused = call("POST", f"{OBJECTS}/companies/batch/upsert", {"inputs": inputs})
    assert refused.status_code == 400
    assert "non-unique" in refused.json["message"]


def define(call: Caller, object_type: str, **fields: Any) -> Any:
    call("POST", f"{PROPERTIES}/{object_type}/groups", {"name": "saaskpi", "label": "SaaS KPI"})
    return call("POST", f"{PROPERTIES}/{object_type}", {**KEY, "groupName": "saaskpi", **fields})


def test_an_upsert_repeated_changes_nothing_more(call: Caller) -> None:
    assert define(call, "tasks").status_code == 201
    inputs = rows(["k1", "k2"], traced=True, hs_timestamp="2026-11-01T00:00:00Z")
    for row in inputs:
        row |= {"idProperty": "saaskpi_key", "associations": [{"ignored": True}]}
    first = call.ok("POST", f"{OBJECTS}/tasks/batch/upsert", {"inputs": inputs})
    again = call.ok("POST", f"{OBJECTS}/tasks/batch/upsert", {"inputs": inputs})
    assert [row["new"] for row in first["results"] + again["results"]] == [True, True, False, False]
    assert [row["id"] for row in first["results"]] == [row["id"] for row in again["results"]]
    assert [row["updatedAt"] for row in first["results"]] == [row["updatedAt"] for row in again["results"]]


def test_the_value_of_an_archived_record_is_free_again(call: Caller) -> None:
    define(call, "tasks")
    row = {"id": "k", "idProperty": "saaskpi_key", "properties": {"hs_timestamp": "2026-11-01T00:00:00Z"}}
    first = call.ok("POST", f"{OBJECTS}/tasks/batch/upsert", {"inputs": [row]})["results"][0]["id"]
    call.ok("POST", f"{OBJECTS}/tasks/batch/archive", {"inputs": [{"id": first}]}, 204)
    second = call.ok("POST", f"{OBJECTS}/tasks/batch/upsert", {"inputs": [row]})["results"][0]
    assert second["new"]
    assert second["id"] != first


# -- definitions ---------------------------------------------------------------------------------


def test_a_definition_needs_its_group_and_a_fitting_field_type(call: Caller) -> None:
    body = {**KEY, "groupName": "nowhere"}
    refused = call("POST", f"{PROPERTIES}/companies", body)
    assert refused.status_code == 400
    assert "group" in refused.json["message"]
    for type_, field_type in (
        ("number", "text"),
        ("date", "number"),
        ("enumeration", "text"),
        ("string", "date"),
    ):
        answer = define(call, "companies", type=type_, fieldType=field_type, hasUniqueValue=False)
        assert answer.status_code == 400, (type_, field_type)
    assert define(call, "companies", name="Upper").status_code == 400
    assert define(call, "companies", type="enumeration", fieldType="select").status_code == 400


def test_a_definition_is_made_once_and_can_be_archived(call: Caller) -> None:
    assert define(call, "companies").status_code == 201
    assert define(call, "companies").status_code == 409
    twice = call("POST", f"{PROPERTIES}/companies/groups", {"name": "saaskpi", "label": "SaaS KPI"})
    assert twice.status_code == 409
    company(call, saaskpi_key="k")
    call.ok("DELETE", f"{PROPERTIES}/companies/saaskpi_key", status=204)
    refused = call("POST", f"{OBJECTS}/companies", {"properties": {"name": "A", "saaskpi_key": "l"}})
    assert refused.json["errors"][0]["code"] == "PROPERTY_DOESNT_EXIST"
    archived = call.ok("GET", f"{PROPERTIES}/companies?archived=true")["results"]
    assert [each["name"] for each in archived] == ["saaskpi_key"]
    assert call("DELETE", f"{PROPERTIES}/companies/name").status_code == 400


def test_a_unique_property_keeps_values_apart(call: Caller) -> None:
    define(call, "companies")
    company(call, saaskpi_key="k")
    refused = call("POST", f"{OBJECTS}/companies", {"properties": {"name": "B", "saaskpi_key": "k"}})
    assert refused.json["errors"][0]["code"] == "CONFLICTING_UNIQUE_VALUE"


def test_at_most_ten_unique_properties_and_on_tasks_only_if_the_account_allows(
    call_with: Callable[..., Caller],
) -> None:
    call = call_with(task_unique_property=False)
    assert define(call, "tasks").status_code == 400
    assert define(call, "tasks", hasUniqueValue=False).status_code == 201
    statuses = [define(call, "companies", name=f"key_{number}").status_code for number in range(11)]
    assert statuses == [201] * 10 + [400]


def test_definitions_in_a_batch_fail_one_by_one(call: Caller) -> None:
    define(call, "companies")
    other = {**KEY, "groupName": "saaskpi", "name": "other", "type": "bool", "fieldType": "booleancheckbox"}
    inputs = [{**KEY, "groupName": "saaskpi"}, {**other, "hasUniqueValue": False}]
    answer = call.ok("POST", f"{PROPERTIES}/companies/batch/create", {"inputs": inputs}, 207)
    assert [row["name"] for row in answer["results"]] == ["other"]
    assert [option["value"] for option in answer["results"][0]["options"]] == ["true", "false"]
    assert answer["errors"][0]["context"]["name"] == ["saaskpi_key"]
    body = {"inputs": [{"name": "other"}, {"name": "nowhere"}], "archived": False}
    found = call.ok("POST", f"{PROPERTIES}/companies/batch/read", body, 207)
    assert [row["name"] for row in found["results"]] == ["other"]


# -- search --------------------------------------------------------------------------------------


def search(call: Caller, status: int = 200, **body: Any) -> Any:
    return call.ok("POST", f"{OBJECTS}/companies/search", body, status)


def one_filter(name: str, operator: str, **values: Any) -> list[dict[str, Any]]:
    return [{"filters": [{"propertyName": name, "operator": operator, **values}]}]


@pytest.mark.parametrize(
    "name,operator,values,found",
    [
        ("numberofemployees", "GT", {"value": "9"}, "bc"),
        ("numberofemployees", "BETWEEN", {"value": "5", "highValue": "10"}, "b"),
        ("numberofemployees", "HAS_PROPERTY", {}, "abc"),
        ("numberofemployees", "NOT_HAS_PROPERTY", {}, "d"),
        ("city", "EQ", {"value": "lyon"}, "a"),
        ("city", "NEQ", {"value": "Lyon"}, "bcd"),
        ("city", "IN", {"values": ["lyon", "nice"]}, "ab"),
        ("city", "NOT_IN", {"values": ["lyon", "nice"]}, "cd"),
        ("name", "CONTAINS_TOKEN", {"value": "alpha"}, "a"),
        ("contract_end", "LTE", {"value": "2026-12-31"}, "ab"),
        ("createdate", "GTE", {"value": str(NOW)}, "abcd"),
        ("createdate", "LT", {"value": "2020-01-01T00:00:00Z"}, ""),
    ],
)
def test_filters(call: Caller, name: str, operator: str, values: dict[str, Any], found: str) -> None:
    ids = {
        company(call, name="Alpha Works", numberofemployees="3", city="Lyon", contract_end="2026-12-31"): "a",
        company(call, name="Beta", numberofemployees="10", city="Nice", contract_end="2026-01-01"): "b",
        company(call, name="Gamma", numberofemployees="100", city="Paris", contract_end="2027-01-01"): "c",
        company(call, name="Delta"): "d",
    }
    answer = search(call, filterGroups=one_filter(name, operator, **values))
    assert "".join(ids[row["id"]] for row in answer["results"]) == found
    assert answer["total"] == len(found)


def test_groups_are_alternatives_and_filters_all_hold(call: Caller) -> None:
    ids = [
        company(call, name=name, city=city) for name, city in (("A", "Lyon"), ("B", "Lyon"), ("C", "Nice"))
    ]
    both = [
        {"propertyName": "city", "operator": "EQ", "value": "Lyon"},
        {"propertyName": "name", "operator": "EQ", "value": "B"},
    ]
    groups = [{"filters": both}, *one_filter("city", "EQ", value="Nice")]
    assert [row["id"] for row in search(call, filterGroups=groups)["results"]] == [ids[1], ids[2]]


def test_order_by_one_property_with_the_empty_last(call: Caller) -> None:
    ids = [company(call, **({"numberofemployees": size} if size else {})) for size in ("20", "", "3")]
    for direction, order in (("ASCENDING", [2, 0, 1]), ("DESCENDING", [0, 2, 1])):
        answer = search(call, sorts=[{"propertyName": "numberofemployees", "direction": direction}])
        assert [row["id"] for row in answer["results"]] == [ids[place] for place in order]


def test_search_ends_at_ten_thousand(call: Caller, empty_crm: Crm) -> None:
    for number in range(10_001):
        empty_crm.insert("companies", {"name": str(number)}, NOW)
    last = search(call, limit=200, after="9800")
    assert (last["total"], len(last["results"]), last["paging"]["next"]["after"]) == (10_001, 200, "10000")
    search(call, 400, limit=200, after="10000")
    search(call, 400, limit=201)


def test_search_refuses_too_many_filters_and_unknown_ones(call: Caller) -> None:
    single = {"propertyName": "name", "operator": "EQ", "value": "A"}
    search(call, 400, filterGroups=[{"filters": [single]}] * 6)
    search(call, 400, filterGroups=[{"filters": [single] * 7}])
    search(call, 400, filterGroups=one_filter("nonsense", "EQ", value="1"))
    search(call, 400, filterGroups=one_filter("name", "LIKE", value="1"))
    search(call, 400, filterGroups=one_filter("numberofemployees", "EQ", value="many"))
    search(call, 400, filterGroups=one_filter("name", "EQ"))


def test_search_sees_writes_only_after_the_lag(call_with: Callable[..., Caller], empty_crm: Crm) -> None:
    call = call_with(search_lag=60.0)
    at = [NOW]
    empty_crm.now = lambda: at[0]
    id_ = company(call, name="Old")
    assert search(call)["total"] == 0
    at[0] += 61_000
    assert search(call)["total"] == 1
    call.ok("PATCH", f"{OBJECTS}/companies/{id_}", {"properties": {"name": "New"}})
    assert search(call, properties=["name"])["results"][0]["properties"]["name"] == "Old"
    assert search(call, filterGroups=one_filter("name", "EQ", value="new"))["total"] == 0
    at[0] += 61_000
    assert search(call, filterGroups=one_filter("name", "EQ", value="new"))["total"] == 1
    call.ok("DELETE", f"{OBJECTS}/companies/{id_}", status=204)
    assert search(call)["total"] == 1
    at[0] += 61_000
    assert search(call)["total"] == 0


# -- associations --------------------------------------------------------------------------------

ASSOCIATIONS = "/crm/associations/2026-03"


def contact(call: Caller, email: str) -> str:
    return str(call.ok("POST", f"{OBJECTS}/contacts", {"properties": {"email": email}}, 201)["id"])


def link(call: Caller, contact_id: str, company_id: str, type_id: int) -> None:
    kind = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}
    row = {"from": {"id": contact_id}, "to": {"id": company_id}, "types": [kind]}
    call.ok("POST", f"{ASSOCIATIONS}/contacts/companies/batch/create", {"inputs": [row]}, 201)


def types_of(call: Caller, contact_id: str) -> dict[str, set[int]]:
    found = call.ok("GET", f"{OBJECTS}/contacts/{contact_id}/associations/companies")["results"]
    return {row["toObjectId"]: {kind["typeId"] for kind in row["associationTypes"]} for row in found}


def test_a_new_primary_company_takes_over(call: Caller) -> None:
    person, one, other = contact(call, "a@firm.example"), company(call), company(call)
    link(call, person, one, 1)
    link(call, person, other, 279)
    assert types_of(call, person) == {one: {1, 279}, other: {279}}
    link(call, person, other, 1)
    assert types_of(call, person) == {one: {279}, other: {1, 279}}
    path = f"{OBJECTS}/contacts/{person}?properties=associatedcompanyid"
    assert call.ok("GET", path)["properties"]["associatedcompanyid"] == other


def test_reading_says_who_has_no_association_and_pages_those_who_have_many(
    call_with: Callable[..., Caller], empty_crm: Crm
) -> None:
    call = call_with(associations_page=2)
    firm, lonely = company(call), company(call)
    for number in range(3):
        link(call, contact(call, f"{number}@firm.example"), firm, 279)
    path = f"{ASSOCIATIONS}/companies/contacts/batch/read"
    answer = call.ok("POST", path, {"inputs": [{"id": firm}, {"id": lonely}]}, 207)
    assert answer["errors"][0]["subCategory"] == "crm.associations.NO_ASSOCIATIONS_FOUND"
    assert answer["errors"][0]["context"]["fromObjectId"] == [lonely]
    after = answer["results"][0]["paging"]["next"]["after"]
    rest = call.ok("POST", path, {"inputs": [{"id": firm, "after": after}]})
    ids = [to["toObjectId"] for page in (answer, rest) for to in page["results"][0]["to"]]
    assert len(ids) == len(set(ids)) == 3
    too_many = {"inputs": [{"id": "1"}] * 1_001}
    assert call("POST", path, too_many).status_code == 400


def test_an_association_needs_a_type_that_goes_between_the_two_and_both_records(call: Caller) -> None:
    person, firm = contact(call, "a@firm.example"), company(call)
    path = f"{ASSOCIATIONS}/contacts/companies/batch/create"
    kind = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 280}
    row = {"from": {"id": person}, "to": {"id": firm}, "types": [kind]}
    assert call("POST", path, {"inputs": [row]}).status_code == 400
    kind["associationTypeId"] = 279
    row["to"] = {"id": "404"}
    answer = call.ok("POST", path, {"inputs": [row]}, 207)
    assert answer["errors"][0]["context"] == {"fromObjectId": [person], "toObjectId": ["404"]}


def test_labels_of_the_accounts_own(call: Caller) -> None:
    person, firm = contact(call, "a@firm.example"), company(call)
    made = call.ok("POST", f"{ASSOCIATIONS}/contacts/companies/labels", {"name": "biller", "label": "Biller"})
    type_id = made["results"][0]["typeId"]
    kind = [{"associationCategory": "USER_DEFINED", "associationTypeId": type_id}]
    labelled = call.ok("PUT", f"{OBJECTS}/contacts/{person}/associations/companies/{firm}", kind, 201)
    assert labelled["labels"] == ["Biller"]
    assert type_id in types_of(call, person)[firm]


def test_archiving_a_record_takes_its_links_away(call: Caller) -> None:
    person, firm = contact(call, "a@firm.example"), company(call)
    link(call, person, firm, 279)
    call.ok("DELETE", f"{OBJECTS}/companies/{firm}", status=204)
    assert types_of(call, person) == {}
