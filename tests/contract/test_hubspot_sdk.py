"""The official ``hubspot-sdk`` works against the sandbox, and every answer fits its models."""

import time

import pytest
from hubspot_sdk import AuthenticationError, BadRequestError, HubSpot, NotFoundError
from hubspot_sdk.types.crm import SimplePublicObject

from sandbox import Sandbox
from sandbox.crm.object_types import OBJECT_TYPES
from tests.support.hubspot_models import HubSpotModels

DEFINITION = {
    "name": "saaskpi_key",
    "label": "Key",
    "type": "string",
    "field_type": "text",
    "group_name": "saaskpi",
    "has_unique_value": True,
}


@pytest.mark.parametrize("object_type", sorted(OBJECT_TYPES))
def test_lists_every_object_once(sdk: HubSpot, hubspot_sandbox: Sandbox, object_type: str) -> None:
    names = [definition.name for definition in sdk.crm.properties.list(object_type).results]
    found = [
        row.id
        for row in sdk.crm.objects.custom.list(
            object_type, limit=17, properties=names, associations=["companies", "contacts"]
        )
    ]
    assert len(found) == len(set(found)) == hubspot_sandbox.crm.counts()[f"hubspot_{object_type}"]


def test_batches_read_write_and_upsert(sdk: HubSpot) -> None:
    companies = sdk.crm.objects.companies
    created = companies.batch.create(
        inputs=[{"properties": {"name": f"Company {number}"}, "associations": []} for number in range(100)]
    )
    ids = [row.id for row in created.results]
    companies.batch.update(inputs=[{"id": ids[0], "properties": {"numberofemployees": "12"}}])
    read = companies.batch.get(
        inputs=[{"id": id_} for id_ in ids],
        properties=["numberofemployees"],
        properties_with_history=["name"],
    )
    assert [row.id for row in read.results] == ids
    assert read.results[0].properties["numberofemployees"] == "12"
    companies.batch.delete(inputs=[{"id": ids[1]}])
    with pytest.raises(NotFoundError):
        companies.get(ids[1])
    assert companies.get(ids[1], archived=True).archived


def test_tasks_are_upserted_by_a_unique_property_and_linked(sdk: HubSpot) -> None:
    sdk.crm.properties.groups.create("tasks", name="saaskpi", label="SaaS KPI")
    sdk.crm.properties.create("tasks", **DEFINITION)
    company = next(iter(sdk.crm.objects.companies.list(limit=1)))
    task = {
        "hs_timestamp": "2026-11-04T09:00:00Z",
        "hs_task_subject": "Call them",
        "hs_task_status": "NOT_STARTED",
    }
    first = sdk.crm.objects.tasks.batch.upsert(
        inputs=[{"id": "1:acct:silent:1", "id_property": "saaskpi_key", "properties": task}]
    )
    again = sdk.crm.objects.tasks.batch.upsert(
        inputs=[{"id": "1:acct:silent:1", "id_property": "saaskpi_key", "properties": task}]
    )
    assert (first.results[0].new, again.results[0].new) == (True, False)
    assert first.results[0].id == again.results[0].id
    link = {
        "from": {"id": first.results[0].id},
        "to": {"id": company.id},
        "types": [{"association_category": "HUBSPOT_DEFINED", "association_type_id": 192}],
    }
    for _ in range(2):
        sdk.crm.associations.batch.create("companies", from_object_type="tasks", inputs=[link])
    found = sdk.crm.associations.batch.get(
        "companies", from_object_type="tasks", inputs=[{"id": first.results[0].id}]
    )
    assert [(to.to_object_id, to.association_types[0].type_id) for to in found.results[0].to] == [
        (company.id, 192)
    ]


def test_default_associations_labels_and_their_removal(sdk: HubSpot) -> None:
    contact = sdk.crm.objects.contacts.create(properties={"email": "new@firm.example"}, associations=[])
    company = sdk.crm.objects.companies.create(properties={"name": "Firm"}, associations=[])
    linked = sdk.crm.associations.batch.create_default(
        "companies",
        from_object_type="contacts",
        inputs=[{"from": {"id": contact.id}, "to": {"id": company.id}}],
    )
    assert {result.association_spec.association_type_id for result in linked.results} == {279, 280}
    kinds = sdk.crm.associations_schema.labels.list_labels("companies", from_object_type="contacts").results
    assert [(kind.type_id, kind.label) for kind in kinds] == [(1, "Primary"), (279, None)]
    seen = sdk.crm.objects.contacts.get(contact.id, properties=["associatedcompanyid"])
    assert seen.properties["associatedcompanyid"] == company.id
    sdk.crm.associations.batch.delete(
        "companies",
        from_object_type="contacts",
        inputs=[{"from": {"id": contact.id}, "to": [{"id": company.id}]}],
    )
    left = list(sdk.crm.associations.list("companies", object_type="contacts", object_id=contact.id))
    assert left == []


def test_search_by_filter_and_order_after_the_index_lag(sdk: HubSpot, hubspot_sandbox: Sandbox) -> None:
    hubspot_sandbox.crm.search_lag_ms = 300
    made = sdk.crm.objects.companies.create(properties={"name": "Just made"}, associations=[])

    def search() -> list[SimplePublicObject]:
        found: list[SimplePublicObject] = sdk.crm.objects.companies.search(
            after="0",
            limit=200,
            filter_groups=[{"filters": [{"property_name": "name", "operator": "EQ", "value": "just made"}]}],
            properties=["name"],
            sorts=["-createdate"],
        ).results
        return found

    assert search() == []
    time.sleep(0.35)
    assert [row.id for row in search()] == [made.id]


def test_owners_pipelines_and_the_account(sdk: HubSpot, hubspot_sandbox: Sandbox) -> None:
    active = list(sdk.crm.owners.list(limit=2))
    archived = list(sdk.crm.owners.list(archived=True))
    assert (len(active), len(archived)) == (5, 1)
    assert sdk.crm.owners.get(int(active[0].id)).email == active[0].email
    labels = [pipeline.label for pipeline in sdk.crm.pipelines.list("deals").results]
    assert labels == ["New business", "Renewals", "Expansion"]
    assert sdk.crm.pipelines.get("0", object_type="tickets").stages[-1].label == "Closed"
    assert sdk.account.get().portal_id == hubspot_sandbox.crm.portal_id


def test_merging_makes_a_new_record_that_the_old_ids_lead_to(sdk: HubSpot) -> None:
    companies = sdk.crm.objects.companies
    one = companies.create(properties={"name": "One", "domain": "one.example"}, associations=[])
    other = companies.create(properties={"name": "Other", "phone": "12"}, associations=[])
    contact = sdk.crm.objects.contacts.create(properties={"email": "a@one.example"}, associations=[])
    for company in (one, other):
        sdk.crm.associations.create(
            company.id, from_object_type="contacts", from_object_id=contact.id, to_object_type="companies"
        )
    merged = companies.merge(primary_object_id=one.id, object_id_to_merge=other.id)
    assert merged.id not in (one.id, other.id)
    for old in (one.id, other.id):
        seen = companies.get(old, properties=["name", "phone", "hs_merged_object_ids"])
        assert (seen.id, seen.properties["name"], seen.properties["phone"]) == (merged.id, "One", "12")
        assert seen.properties["hs_merged_object_ids"] == f"{one.id};{other.id}"
    links = sdk.crm.associations.list("companies", object_type="contacts", object_id=contact.id)
    assert [link.to_object_id for link in links] == [merged.id]


def test_a_privacy_deletion_leaves_nothing(sdk: HubSpot) -> None:
    contacts = sdk.crm.objects.contacts
    contact = contacts.create(properties={"email": "gone@firm.example"}, associations=[])
    contacts.gdpr_delete(object_id="gone@firm.example", id_property="email")
    for archived in (False, True):
        with pytest.raises(NotFoundError):
            contacts.get(contact.id, archived=archived)


def test_errors_have_the_shape_that_the_models_say(
    sdk: HubSpot, hubspot_sandbox: Sandbox, hubspot_models: HubSpotModels
) -> None:
    hubspot_models.tolerant = True
    with pytest.raises(BadRequestError, match="PROPERTY_DOESNT_EXIST"):
        sdk.crm.objects.companies.create(properties={"name": "A", "nonsense": "1"}, associations=[])
    with pytest.raises(BadRequestError, match="non-unique"):
        sdk.crm.objects.companies.batch.upsert(
            inputs=[{"id": "1", "id_property": "hs_object_id", "properties": {"name": "A"}}]
        )
    with pytest.raises(AuthenticationError):
        sdk.with_options(access_token="wrong").crm.objects.companies.get("1")
