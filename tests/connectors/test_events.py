"""Events as the objects to read anew: worked cases, and anything at all."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.hubspot import events as hubspot
from connectors.stripe import events as stripe
from connectors.touched import NOTHING, Ref, Touched


def of_stripe(kind: str, **about: Any) -> Touched:
    return stripe.touched_by({"id": "evt_1", "object": "event", "type": kind, "data": {"object": about}})


def seen(*refs: tuple[str, str]) -> frozenset[Ref]:
    return frozenset({Ref("event", "evt_1"), *(Ref(*ref) for ref in refs)})


def of_hubspot(what: str, **more: Any) -> Touched:
    return hubspot.touched_by({"subscriptionType": what, "objectId": 9, "appId": 5, **more})


COMPANY = frozenset({Ref("companies", "9")})


@pytest.mark.parametrize(
    "kind,about,expected",
    [
        (
            "invoice.payment_failed",
            {
                "object": "invoice",
                "id": "in_1",
                "customer": "cus_1",
                "parent": {"subscription_details": {"subscription": "sub_1"}},
            },
            Touched(seen(("invoice", "in_1"), ("subscription", "sub_1")), customers=frozenset({"cus_1"})),
        ),
        (
            "customer.subscription.updated",
            {"object": "subscription", "id": "sub_1", "customer": {"id": "cus_1", "object": "customer"}},
            Touched(seen(("subscription", "sub_1")), customers=frozenset({"cus_1"})),
        ),
        (
            "customer.updated",
            {"object": "customer", "id": "cus_1"},
            Touched(seen(("customer", "cus_1")), customers=frozenset({"cus_1"})),
        ),
        (
            "customer.deleted",
            {"object": "customer", "id": "cus_1", "deleted": True},
            Touched(
                seen(("customer", "cus_1")),
                customers=frozenset({"cus_1"}),
                gone=frozenset({Ref("customer", "cus_1")}),
            ),
        ),
        (
            "customer.discount.created",
            {"object": "discount", "id": "di_1", "customer": "cus_1", "subscription": "sub_1"},
            Touched(seen(("discount", "di_1"), ("subscription", "sub_1")), customers=frozenset({"cus_1"})),
        ),
        (
            "charge.refunded",
            {"object": "charge", "id": "ch_1", "customer": "cus_1", "invoice": None},
            Touched(seen(("charge", "ch_1")), customers=frozenset({"cus_1"})),
        ),
        (
            "charge.dispute.created",
            {"object": "dispute", "id": "dp_1", "charge": "ch_1"},
            Touched(seen(("charge", "ch_1"))),
        ),
        (
            "credit_note.created",
            {"object": "credit_note", "id": "cn_1", "customer": "cus_1", "invoice": "in_1"},
            Touched(seen(("credit_note", "cn_1"), ("invoice", "in_1")), customers=frozenset({"cus_1"})),
        ),
        ("price.updated", {"object": "price", "id": "price_1"}, Touched(seen(("price", "price_1")))),
        (
            "subscription_schedule.updated",
            {
                "object": "subscription_schedule",
                "id": "sub_sched_1",
                "customer": "cus_1",
                "subscription": "sub_1",
            },
            Touched(seen(("subscription", "sub_1")), customers=frozenset({"cus_1"})),
        ),
        ("account.updated", {"object": "account", "id": "acct_1"}, NOTHING),
    ],
)
def test_stripe(kind: str, about: dict[str, Any], expected: Touched) -> None:
    assert of_stripe(kind, **about) == expected


@pytest.mark.parametrize("what", ["company.creation", "company.propertyChange", "company.restore"])
def test_a_company_that_changed_is_read_anew(what: str) -> None:
    assert of_hubspot(what, propertyName="domain", changeSource="CRM_UI") == Touched(hubspot=COMPANY)
    generic = of_hubspot("object." + what.split(".")[1], objectTypeId="0-2", changeSource="API")
    assert generic == Touched(hubspot=COMPANY)


def test_what_is_gone_is_still_asked_for() -> None:
    assert of_hubspot("company.deletion") == Touched(hubspot=COMPANY, gone=COMPANY)
    contact = frozenset({Ref("contacts", "9")})
    erased = Touched(hubspot=contact, gone=contact, erased=contact)
    assert of_hubspot("contact.privacyDeletion") == erased


def test_a_merge_names_the_old_ones_and_the_survivor() -> None:
    merged = of_hubspot("company.merge", primaryObjectId=9, mergedObjectIds=[10, 11], newObjectId=12)
    old = frozenset(Ref("companies", str(n)) for n in (9, 10, 11))
    assert merged == Touched(hubspot=old | {Ref("companies", "12")}, gone=old)
    kept = of_hubspot("deal.merge", primaryObjectId=9, mergedObjectIds=[10])
    assert kept.gone == {Ref("deals", "10")}
    assert kept.hubspot == {Ref("deals", "9"), Ref("deals", "10")}


def test_both_ends_of_a_link() -> None:
    link = {"associationType": "CONTACT_TO_COMPANY", "fromObjectId": 3, "toObjectId": 9}
    both = frozenset({Ref("contacts", "3"), Ref("companies", "9")})
    assert of_hubspot("contact.associationChange", **link).hubspot == both
    newer = {"fromObjectTypeId": "0-1", "toObjectTypeId": "0-2", "fromObjectId": 3, "toObjectId": 9}
    assert of_hubspot("object.associationChange", **newer).hubspot == both


@pytest.mark.parametrize("source", ["INTEGRATION", "API", "AUTOMATION_PLATFORM", "CALCULATED", "", None])
def test_no_program_can_start_a_round_by_what_we_write(source: str | None) -> None:
    ours = {"propertyName": "saaskpi_mrr", "changeSource": source, "sourceId": "77"}
    assert of_hubspot("company.propertyChange", **ours) == NOTHING
    for what in ("creation", "propertyChange"):
        task = of_hubspot(
            f"object.{what}", objectTypeId="0-27", changeSource=source, propertyName="hs_task_status"
        )
        assert task == NOTHING
    linked = {
        "associationType": "TASK_TO_COMPANY",
        "fromObjectId": 1,
        "toObjectId": 9,
        "changeSource": source,
    }
    assert of_hubspot("object.associationChange", **linked) == NOTHING


def test_what_a_person_does_to_our_values_counts_and_so_does_what_others_write_elsewhere() -> None:
    by_hand = {"propertyName": "saaskpi_mrr", "changeSource": "CRM_UI", "sourceId": "userId:1"}
    assert of_hubspot("company.propertyChange", **by_hand).hubspot == COMPANY
    others = {"propertyName": "domain", "changeSource": "INTEGRATION", "sourceId": "6"}
    assert of_hubspot("company.propertyChange", **others).hubspot == COMPANY
    assert of_hubspot("company.propertyChange", **{**others, "sourceId": "5"}) == NOTHING


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)
STRIPE_FIELDS = st.sampled_from(["id", "object", "customer", "subscription", "invoice", "charge", "parent"])
WHERE = ["associationType", "fromObjectId", "toObjectId", "fromObjectTypeId", "objectTypeId"]
WHO = ["objectId", "primaryObjectId", "mergedObjectIds", "newObjectId"]
HUBSPOT_FIELDS = st.sampled_from([*WHERE, *WHO, "changeSource", "sourceId", "propertyName", "appId"])
KINDS, WHATS = ("company", "task", "object", "x"), ("merge", "associationChange", "deletion", "creation")
HUBSPOT_TYPES = st.sampled_from([f"{kind}.{what}" for kind in KINDS for what in WHATS])
STRIPE_TYPES = st.sampled_from(["invoice.paid", "customer.deleted", "x"])


@given(
    kind=STRIPE_TYPES | ANYTHING,
    about=ANYTHING | st.dictionaries(STRIPE_FIELDS, ANYTHING),
)
def test_whatever_stripe_says_is_read(kind: Any, about: Any) -> None:
    found = stripe.touched_by({"id": kind, "type": kind, "data": {"object": about}})
    assert all(ref.id.isprintable() and ref.id for ref in found.stripe)
    assert stripe.touched_by({"type": "invoice.paid", "data": about}).gone == frozenset()


@given(what=HUBSPOT_TYPES | ANYTHING, more=st.dictionaries(HUBSPOT_FIELDS, ANYTHING))
def test_whatever_hubspot_says_is_read(what: Any, more: dict[str, Any]) -> None:
    found = hubspot.touched_by({"subscriptionType": what, **more})
    assert all(ref.id.isdigit() for ref in found.hubspot)
