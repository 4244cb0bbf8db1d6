"""Touches and key contacts of accounts, worked by hand."""

from __future__ import annotations

from typing import Any

import pytest

from tests.enrichment.crm_books import NO_ANSWER, Portal, days_before

MISSED: dict[str, Any] = {"hs_call_disposition": NO_ANSWER}
BY_STATUS: dict[str, Any] = {"hs_call_disposition": None, "hs_call_status": "COMPLETED"}

TOUCHES: list[tuple[str, dict[str, Any], bool]] = [
    ("call", {}, True),
    ("call", MISSED, False),
    ("call", {**MISSED, "hs_call_status": "COMPLETED", "hs_call_duration": 60_000}, False),
    ("call", {**BY_STATUS, "hs_call_duration": 60_000}, True),
    ("call", {**BY_STATUS, "hs_call_duration": "0.5"}, True),
    ("call", {**BY_STATUS, "hs_call_duration": 0}, False),
    ("call", {**BY_STATUS, "hs_call_duration": "0.0"}, False),
    ("call", {**BY_STATUS, "hs_call_duration": "NaN"}, False),
    ("call", {**BY_STATUS, "hs_call_duration": -5}, False),
    ("call", BY_STATUS, False),
    ("call", {"hs_call_disposition": None}, False),
    ("email", {}, True),
    ("email", {"hs_email_direction": "EMAIL"}, False),
    ("email", {"hs_email_direction": "FORWARDED_EMAIL"}, False),
    ("email", {"hs_email_direction": None}, False),
    ("meeting", {}, True),
    ("meeting", {"hs_meeting_outcome": "SCHEDULED"}, False),
    ("meeting", {"hs_meeting_outcome": "NO_SHOW"}, False),
    ("meeting", {"hs_meeting_outcome": "CANCELED"}, False),
    ("meeting", {"hs_meeting_outcome": "RESCHEDULED"}, False),
    ("meeting", {"hs_meeting_outcome": None}, True),
    ("meeting", {"hs_meeting_outcome": ""}, True),
    ("note", {}, False),
]


@pytest.fixture
def portal() -> Portal:
    """A portal with one account that has a contact, and with support and deal pipelines."""
    portal = Portal()
    portal.account()
    portal.contact()
    portal.pipelines()
    return portal


def test_what_counts_as_a_touch() -> None:
    portal = Portal()
    for number, (kind, more, _) in enumerate(TOUCHES):
        company = portal.account(f"{kind} {number}")
        getattr(portal, kind)(f"r{number}", 10 + number, links=(f"companies/{company}",), **more)
    rows = portal.rows().values()
    assert all(row["has_engagements"] for row in rows)
    found = {row["account_id"]: (row["last_touch_kind"], row["days_since_touch"]) for row in rows}
    assert found == {
        f"{kind} {number}": (kind, 10 + number) if counts else (None, None)
        for number, (kind, _, counts) in enumerate(TOUCHES)
    }


def test_the_last_touch_names_itself(portal: Portal) -> None:
    portal.call("c1", 40)
    portal.meeting("m1", 12)
    portal.email("e1", 25)
    portal.call("c2", 3, **MISSED)
    row = portal.row()
    assert (row["days_since_touch"], row["last_touch_kind"], row["last_touch_id"]) == (12, "meeting", "m1")


def test_a_meeting_is_held_when_it_is_over() -> None:
    cases = [
        # It takes an hour: begun and over, begun, to come.
        (None, 0.05, True),
        (None, 0.03, False),
        (None, -30, False),
        # Somebody noted the outcome: held once it has begun.
        ("COMPLETED", 0.03, True),
        ("COMPLETED", -1, False),
    ]
    portal = Portal()
    for number, (outcome, ago, _) in enumerate(cases):
        links = (f"companies/{portal.account(str(number))}",)
        portal.meeting(f"m{number}", ago, created=5, hs_meeting_outcome=outcome, links=links)
    assert [row["last_touch_kind"] == "meeting" for row in portal.rows().values()] == [
        is_held for *_, is_held in cases
    ]


def test_a_touch_logged_later_is_known_later(portal: Portal) -> None:
    portal.call("c1", 50)
    portal.call("c2", 20, created=5)
    assert portal.over("last_touch_id", 0, 5, 6) == ["c2", "c2", "c1"]
    assert portal.over("days_since_touch", 0, 5, 6) == [20, 15, 44]


def test_the_contacts_of_touches_in_the_window(portal: Portal) -> None:
    for contact in ("502", "503", "504"):
        portal.contact(contact)
    both = ("companies/1001", "contacts/501", "contacts/502")
    portal.meeting("m1", 30, links=both)
    portal.call("c1", 20, links=("companies/1001", "contacts/501"))
    portal.call("c2", 20, links=("companies/1001", "contacts/504"), **MISSED)
    # The border: 90 days ago to the second is no longer within 90 days.
    portal.email("e1", 90, links=("companies/1001", "contacts/503"))
    assert portal.over("engaged_contacts", 0, 0.01) == [2, 3]


def test_a_touch_without_the_company_belongs_to_the_contacts(portal: Portal) -> None:
    portal.account("1002")
    portal.contact("601", "1002")
    portal.call("c1", 10, links=("contacts/601",))
    rows = portal.rows()
    assert rows["1002"]["last_touch_id"] == "c1"
    assert rows["1002"]["engaged_contacts"] == 1
    assert rows["1001"]["days_since_touch"] is None


def test_a_touch_of_two_companies_is_one_of_each_with_its_own_people(portal: Portal) -> None:
    portal.account("1002")
    portal.contact("601", "1002")
    portal.contact("701", None)
    links = ("companies/1001", "companies/1002", "contacts/501", "contacts/601", "contacts/701")
    portal.meeting("m1", 10, links=links)
    rows = portal.rows()
    assert [row["days_since_touch"] for row in rows.values()] == [10, 10]
    # 701 has no company: it was there for both.
    assert [row["engaged_contacts"] for row in rows.values()] == [2, 2]


def test_none_is_a_fact_only_where_activities_are_logged(portal: Portal) -> None:
    portal.account("1002")
    portal.account(None)
    quiet = portal.facts().set_index("account_id")
    assert list(quiet.index) == ["1001", "1002"]
    assert quiet["has_engagements"].tolist() == [False, False]
    assert quiet["engaged_contacts"].isna().all()
    # One note on a company that is no account tells that this portal logs what it does.
    portal.note("n1", 50, links=("companies/9999",))
    noted = portal.facts().set_index("account_id")
    assert noted["has_engagements"].tolist() == [True, True]
    assert noted["engaged_contacts"].tolist() == [0, 0]
    assert noted["days_since_touch"].isna().all()
    assert not portal.facts(ago=51)["has_engagements"].any()


def test_before_the_crm_knew_the_company_nothing_is_known() -> None:
    portal = Portal()
    portal.account(created=100)
    portal.call(ago=100)
    assert len(portal.facts(ago=99)) == 1
    assert portal.facts(ago=101).empty


def test_who_is_a_key_contact() -> None:
    cases = {
        "CHAMPION": True,
        "END_USER;DECISION_MAKER": True,
        "DECISION_MAKER;CHAMPION;": True,
        "decision_maker": True,
        "BUDGET_HOLDER;INFLUENCER": False,
        "PRE_DECISION_MAKER_X": False,
        "": False,
    }
    portal = Portal()
    for number, roles in enumerate(cases):
        company = portal.account(f"company {number}")
        portal.contact(roles, company, hs_buying_role=roles, firstname="Ada", lastname=roles)
    rows = portal.rows().values()
    assert [row["key_contact_id"] for row in rows] == [key if yes else None for key, yes in cases.items()]
    assert [row["key_contact_state"] for row in rows] == [
        "present" if yes else None for yes in cases.values()
    ]
    assert next(iter(rows))["key_contact_name"] == "Ada CHAMPION"


def test_the_best_state_stands() -> None:
    portal = Portal()
    portal.account()
    portal.contact(
        "501", changed=200, hs_buying_role="CHAMPION", hs_employment_change_detected_date="2026-10-01"
    )
    # Known at the end of 1 October: 29 days before the 31st.
    row = portal.row()
    assert (row["key_contact_state"], row["key_contact_lost_days"]) == ("left", 29)
    portal.contact(
        "502", changed=40, hs_buying_role="CHAMPION", hs_email_hard_bounce_reason_enum="UNKNOWN_USER"
    )
    row = portal.row()
    assert (row["key_contact_state"], row["key_contact_id"]) == ("bounced", "502")
    assert row["key_contact_lost_days"] == 40
    portal.contact("503", hs_buying_role="DECISION_MAKER", email="c@example.com")
    row = portal.row()
    assert (row["key_contact_state"], row["key_contact_name"]) == ("present", "c@example.com")
    assert row["key_contact_lost_days"] is None


def test_of_two_who_are_lost_the_last_one_counts() -> None:
    portal = Portal()
    portal.account()
    for contact, changed in (("501", 300), ("502", 15), ("503", 60)):
        portal.contact(
            contact, changed=changed, hs_buying_role="CHAMPION", hs_email_hard_bounce_reason_enum="OTHER"
        )
    row = portal.row()
    assert (row["key_contact_id"], row["key_contact_lost_days"]) == ("502", 15)


def test_bounces_count_where_no_mail_ever_arrived() -> None:
    cases = [(1, None, "bounced"), (3, 0, "bounced"), (1, 40, "present"), (0, None, "present")]
    portal = Portal()
    for number, (bounces, delivered, _) in enumerate(cases):
        more: dict[str, Any] = {"hs_email_bounce": bounces, "hs_email_delivered": delivered}
        portal.contact(f"5{number}", portal.account(f"{number}"), hs_buying_role="CHAMPION", **more)
    assert [row["key_contact_state"] for row in portal.rows().values()] == [state for *_, state in cases]


def test_a_role_is_known_at_the_contacts_last_change() -> None:
    portal = Portal()
    portal.account()
    portal.contact(created=400, changed=30, hs_buying_role="CHAMPION")
    assert portal.over("key_contact_state", 30, 31) == ["present", None]


def test_a_day_of_leaving_that_is_none_is_no_leaving() -> None:
    portal = Portal()
    for number, text in enumerate(["", "soon", "2026-13-40", "20261001", "2026-12-24"]):
        more: dict[str, Any] = {"hs_buying_role": "CHAMPION", "hs_employment_change_detected_date": text}
        portal.contact(f"5{number}", portal.account(f"{number}"), **more)
    assert {row["key_contact_state"] for row in portal.rows().values()} == {"present"}


def test_a_new_decision_maker() -> None:
    cases: list[tuple[float, float, dict[str, Any], bool]] = [
        (30, 400, {}, True),
        (89, 400, {}, True),
        (90, 400, {}, False),
        # Of the account's first contacts, all entered on one day.
        (30, 30.1, {}, False),
        (30, 31.1, {}, True),
        (30, 400, {"hs_buying_role": "CHAMPION"}, False),
        (30, 400, {"hs_email_hard_bounce_reason_enum": "OTHER"}, False),
        (30, 400, {"company": "1002"}, False),
    ]
    portal = Portal()
    for number, (created, first, more, _) in enumerate(cases):
        base = {"company": portal.account(f"{number}"), "hs_buying_role": "DECISION_MAKER", "firstname": "Cy"}
        portal.contact(f"first {number}", f"{number}", created=first)
        portal.contact(f"new {number}", created=created, **{**base, **more})
    found = [(row["new_decision_maker_id"], row["new_decision_maker_name"]) for row in portal.rows().values()]
    assert found == [
        (f"new {number}", "Cy") if is_new else (None, None) for number, (*_, is_new) in enumerate(cases)
    ]


def test_the_primary_company_of_a_contact_counts(portal: Portal) -> None:
    portal.account("1002")
    portal.record("contacts", "601", links=("companies/1001", "companies/1002!"), hs_buying_role="CHAMPION")
    rows = portal.rows()
    assert rows["1002"]["key_contact_id"] == "601"
    assert rows["1001"]["key_contact_id"] is None


def test_without_links_the_contacts_own_property_names_its_company() -> None:
    portal = Portal()
    portal.account()
    portal.record("contacts", "601", associatedcompanyid=1001, hs_buying_role="CHAMPION")
    assert portal.fact("key_contact_id") == "601"


def test_without_a_primary_company_the_only_account_counts(portal: Portal) -> None:
    links = ("companies/1001", "companies/8888", "companies/9999")
    portal.record("contacts", "601", links=links, hs_buying_role="CHAMPION")
    assert portal.fact("key_contact_id") == "601"
    assert portal.aside() == []


def test_a_contact_of_two_accounts_without_a_primary_one_is_kept_aside(portal: Portal) -> None:
    portal.account("1002")
    links = ("companies/1001", "companies/1002")
    portal.record("contacts", "601", links=links, hs_buying_role="CHAMPION")
    portal.call("c1", 10, links=("contacts/601",))
    portal.call("c2", 20, links=("companies/1001", "contacts/601"))
    rows = portal.rows()
    assert [row["key_contact_id"] for row in rows.values()] == [None, None]
    assert rows["1001"]["last_touch_id"] == "c2"
    assert rows["1002"]["days_since_touch"] is None
    assert [row["engaged_contacts"] for row in rows.values()] == [0, 0]
    assert [row[:2] for row in portal.aside()] == [("hubspot_contacts", "601")]


def test_what_is_dated_after_its_last_change_is_kept_aside(portal: Portal) -> None:
    portal.call("c1", -400, created=10)
    portal.email("e1", -2, created=10)
    portal.note("n1", -9, created=10)
    portal.meeting("m1", -9, created=10, hs_meeting_outcome=None)
    portal.record("calls", "c2", None, hs_call_disposition=None)
    portal.call("c3", 30, hs_timestamp="2026-02-30")
    row = portal.row()
    # Without a readable time a call counts from when it was logged.
    assert (row["last_touch_id"], row["days_since_touch"]) == ("c3", 30)
    assert portal.aside() == [
        ("hubspot_calls", "c1", "It is dated later than its last change."),
        ("hubspot_calls", "c2", "It has no date."),
        ("hubspot_emails", "e1", "It is dated later than its last change."),
    ]


def test_archived_records_and_other_labels_are_not_read(portal: Portal) -> None:
    portal.call("c1", 10)
    portal.streams["hubspot_calls"][-1]["archived"] = True
    assert portal.fact("days_since_touch") is None
    # A label of the portal's own may have the number of HubSpot's "Primary".
    portal.account("1002")
    portal.record("contacts", "601", links=("companies/1001!", "companies/1002"), hs_buying_role="CHAMPION")
    portal.add(
        "hubspot_associations",
        from_object_type="contacts",
        from_id="601",
        to_object_type="companies",
        to_id="1002",
        type_id=1,
        category="USER_DEFINED",
        label="Consultant",
    )
    rows = portal.rows()
    assert rows["1001"]["key_contact_id"] == "601"
    assert rows["1002"]["key_contact_id"] is None


def test_a_record_pulled_twice_counts_once_as_it_was_last(portal: Portal) -> None:
    portal.call("c1", 10, links=("companies/1001", "contacts/501"))
    portal.call("c1", 10, links=("companies/1001", "contacts/501"), hs_call_disposition=NO_ANSWER)
    assert portal.fact("days_since_touch") is None
    assert portal.fact("engaged_contacts") == 0


def test_an_empty_portal_has_no_facts() -> None:
    portal = Portal()
    portal.account(None)
    assert portal.facts().empty
    assert portal.aside() == []


def test_days_before_counts_from_the_instant_of_the_tests() -> None:
    assert days_before(1) == "2026-10-30T23:59:59.000Z"
