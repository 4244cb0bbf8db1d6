"""Survey answers, tickets and expansion deals of accounts, worked by hand."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from enrichment.facts.sources import FactSources
from tests.enrichment.crm_books import Portal, days_before

SURVEYS = FactSources(nps_property="our_nps", csat_property="our_csat")
BUDGET = FactSources(budget_property="budget")


@pytest.fixture
def portal() -> Portal:
    """A portal with one account that has two contacts, and with support and deal pipelines."""
    portal = Portal()
    portal.account()
    portal.contact("501")
    portal.contact("502")
    portal.pipelines()
    return portal


def test_each_contacts_latest_answer_counts(portal: Portal) -> None:
    portal.answer(2, "f1", 100)
    portal.answer(9, "f2", 20)
    portal.answer(6, "f3", 50, links=("contacts/502",))
    portal.answer(4, "f4", 30, hs_survey_type="CSAT")
    portal.answer(1, "f5", 30, hs_survey_type="CES")
    row = portal.row()
    assert (row["nps"], row["nps_answers"]) == (7.5, 2)
    assert (row["nps_worst"], row["nps_worst_on"]) == (6, date(2026, 9, 11))
    # 501 rose from 2 to 9; 502 has answered once.
    assert row["nps_drop"] == 0
    assert (row["csat"], row["csat_answers"]) == (4, 1)


def test_the_largest_fall_of_one_contact_to_its_latest_answer(portal: Portal) -> None:
    portal.answer(10, "f1", 500)
    portal.answer(8, "f2", 300)
    portal.answer(5, "f3", 10)
    portal.answer(9, "f4", 90, links=("contacts/502",))
    assert portal.over("nps_drop", 0, 11) == [3, None]
    portal.answer(4, "f5", 5, links=("contacts/502",))
    assert portal.fact("nps_drop") == 5


def test_an_answer_counts_for_180_days(portal: Portal) -> None:
    portal.answer(7, "f1", 180)
    assert portal.over("nps", -0.01, 0, 0.01, 180, 180.01) == [None, None, 7, 7, None]


def test_an_answer_is_known_when_it_is_given_or_read(portal: Portal) -> None:
    portal.answer(7, "f1", 40)
    portal.answer(3, "f2", 30, created=20)
    assert portal.over("nps", 20, 21, 40, 41) == [3, 7, 7, None]


def test_answers_of_others_do_not_count(portal: Portal) -> None:
    portal.contact("801", "9999")
    portal.answer(1, "f1", links=("contacts/801",))
    portal.answer(1, "f2", links=())
    assert portal.fact("nps") is None
    assert portal.aside() == []


def test_csat_of_three_faces_is_read_on_the_scale_of_five() -> None:
    faces = [(0, "UNHAPPY", 1), (1, "Passive", 3), (2, "Happy", 5)]
    steps = [(1, "Unhappy", 1), (2, "DETRACTOR", 2), (3, "", 3), (5, "Happy", 5)]
    portal = Portal()
    for number, (value, group, _) in enumerate([*faces, *steps]):
        portal.contact(f"c{number}", portal.account(str(number)))
        more: dict[str, Any] = {
            "hs_survey_type": "CSAT",
            "hs_response_group": group,
            "links": (f"contacts/c{number}",),
        }
        portal.answer(value, f"f{number}", **more)
    assert [row["csat"] for row in portal.rows().values()] == [csat for *_, csat in (*faces, *steps)]


def test_answers_that_are_none_are_kept_aside(portal: Portal) -> None:
    for at, value in enumerate([11, -1, 7.5, "great", "NaN", "", "1e1", 10**12]):
        portal.answer(value, f"f{at}")
    for at, value in enumerate([0, 5.1, 6, "Infinity"]):
        portal.answer(value, f"g{at}", hs_survey_type="CSAT")
    portal.answer(None, "h0", unfit={"hs_value": "nine"})
    portal.answer(None, "h1")
    portal.answer(9, "h2", -500, created=5)
    row = portal.row()
    assert (row["nps"], row["csat"]) == (None, None)
    number, nps, csat = (
        "The answer is no number.",
        "An NPS answer is a whole number from 0 to 10.",
        "A CSAT answer is a number from 1 to 5.",
    )
    nothing, later = "The answer has no value.", "It is dated later than its last change."
    reasons = {
        **dict(
            zip(("f0", "f1", "f2", "f3", "f4", "f5"), (nps, nps, nps, number, number, nothing), strict=True)
        ),
        "f6": number,
        "f7": number,
        **dict(zip(("g0", "g1", "g2", "g3"), (csat, csat, csat, number), strict=True)),
        **{"h0": number, "h1": nothing, "h2": later},
    }
    assert portal.aside() == [
        ("hubspot_feedback_submissions", name, reason) for name, reason in sorted(reasons.items())
    ]


def test_properties_answer_for_contacts_who_gave_no_dated_answer(portal: Portal) -> None:
    portal.contact("503", changed=40, our_nps="8", our_csat=4.5)
    portal.contact("504", changed=60, our_nps=3)
    portal.answer(6, "f1", 100, links=("contacts/504",))
    row = portal.row(sources=SURVEYS)
    assert (row["nps"], row["nps_answers"], row["nps_worst"]) == (7, 2, 6)
    assert (row["csat"], row["csat_answers"]) == (4.5, 1)
    # Before the contact's last change nobody can tell what the property was.
    assert portal.row(ago=41, sources=SURVEYS)["nps"] == 6
    assert portal.row()["csat"] is None


def test_a_property_that_is_no_answer_is_kept_aside(portal: Portal) -> None:
    portal.contact("503", our_nps="promoter", our_csat="9")
    portal.contact("504", unfit={"our_nps": "NaN"})
    portal.contact("505", our_nps="", our_csat=None)
    assert portal.row(sources=SURVEYS)["nps"] is None
    assert portal.aside(SURVEYS) == [
        ("hubspot_contacts", "503", "A CSAT answer is a number from 1 to 5."),
        ("hubspot_contacts", "503", "The answer is no number."),
        ("hubspot_contacts", "504", "The answer is no number."),
    ]


def test_tickets_of_the_last_days_and_their_norm(portal: Portal) -> None:
    for number, ago in enumerate([0.1, 29.9, 30, 31, 200, 394.9, 395, 600]):
        portal.ticket(f"t{number}", ago, max(ago - 1, 0))
    row = portal.row()
    assert row["tickets"] == 2
    # Four within the year before: 30, 31, 200 and 394.9 days ago.
    assert row["tickets_norm"] == pytest.approx(4 * 30 / 365)


def test_the_norm_of_a_young_company_is_over_its_own_time() -> None:
    norms = {59: None, 60: 30 / 30, 130: 30 / 100, 2000: 30 / 365}
    portal = Portal()
    portal.pipelines()
    for known in norms:
        portal.ticket(f"t{known}", 40, 39, links=(f"companies/{portal.account(str(known), created=known)}",))
    rows = portal.rows()
    assert {known: rows[str(known)]["tickets_norm"] for known in norms} == pytest.approx(norms)
    assert {row["tickets"] for row in rows.values()} == {0}


def test_no_ticket_is_a_fact_only_where_there_are_tickets(portal: Portal) -> None:
    row = portal.row()
    assert row["has_tickets"] is False
    assert [row[name] for name in ("tickets", "tickets_norm", "pressing_tickets")] == [None, None, None]
    portal.ticket("t1", 50, links=("companies/9999",))
    row = portal.row()
    assert row["has_tickets"] is True
    assert [row[name] for name in ("tickets", "tickets_norm", "pressing_tickets")] == [0, 0, 0]
    assert portal.fact("has_tickets", ago=51) is False


def test_tickets_that_press(portal: Portal) -> None:
    portal.ticket("t1", 3)
    portal.ticket("t2", 8)
    portal.ticket("t3", 5, hs_ticket_priority="HIGH")
    portal.ticket("t4", 6, hs_ticket_priority="URGENT")
    portal.ticket("t5", 90, 1, hs_ticket_priority="HIGH")
    row, before = portal.row(), portal.row(ago=1.5)
    assert row["pressing_tickets"] == 3
    assert (row["hot_ticket_id"], row["hot_ticket_days"]) == ("t4", 6)
    # t5 was still open then and old; that it was of high priority is known from its last change on.
    assert (before["pressing_tickets"], before["hot_ticket_id"]) == (3, "t4")


def test_seven_days_to_the_second_are_not_more(portal: Portal) -> None:
    portal.ticket("t1", 7)
    assert portal.over("pressing_tickets", 0, -0.001) == [0, 1]


def test_when_a_ticket_is_closed() -> None:
    cases = [
        # A closing date closes it; a closed stage without one, from the last change on.
        ("4", days_before(5), 2, [False, False, True, True]),
        ("4", None, 12, [False, False, False, True]),
        # A closing date that lies ahead was written by hand.
        ("4", days_before(-30), 12, [False, False, False, True]),
        # Opened again: the date is that of the first time.
        ("1", days_before(5), 2, [True, True, True, True]),
        # A stage that no pipeline has: the date alone tells.
        ("77", days_before(5), 2, [False, False, True, True]),
        ("77", None, 2, [True, True, True, True]),
    ]
    portal = Portal()
    portal.pipelines()
    for number, (stage, closed_date, changed, _) in enumerate(cases):
        more: dict[str, Any] = {"hs_pipeline_stage": stage, "closed_date": closed_date, "changed": changed}
        portal.ticket(f"t{number}", 40, links=(f"companies/{portal.account(str(number))}",), **more)
    seen = [portal.rows(ago) for ago in (0, 4, 6, 20)]
    found = [[bool(rows[str(number)]["pressing_tickets"]) for rows in seen] for number in range(len(cases))]
    assert found == [is_open for *_, is_open in cases]


def test_tickets_belong_to_their_primary_company_or_their_contacts(portal: Portal) -> None:
    portal.account("1002")
    portal.ticket("t1", 5, links=("companies/1001", "companies/1002!"))
    portal.ticket("t2", 5, links=("contacts/501",))
    portal.ticket("t3", 5, links=("companies/9999!", "contacts/501"))
    portal.ticket("t4", -5, created=9, changed=9)
    assert [row["tickets"] for row in portal.rows().values()] == [1, 1]
    assert portal.aside() == [("hubspot_tickets", "t4", "It is dated later than its last change.")]


def test_the_expansion_deal_that_moved_last(portal: Portal) -> None:
    portal.deal("d1", 300, changed=50, amount="1999.99")
    portal.deal("d2", 200, changed=20, amount=120000, deal_currency_code="JPY")
    row = portal.row()
    assert (row["expansion_deal_id"], row["expansion_deal_name"]) == ("d2", "Deal d2")
    assert (row["expansion_amount"], row["expansion_currency"]) == (120000, "jpy")
    assert row["expansion_moved_days"] == 20
    # When the stage was entered says more than some change of the record.
    portal.deal("d3", 200, changed=1, hs_v2_date_entered_current_stage=days_before(15))
    # But what the deal was before that change nobody can tell.
    assert portal.over("expansion_deal_id", 0, 1, 2, 21) == ["d3", "d3", "d2", "d1"]
    assert portal.over("expansion_moved_days", 0, 1, 2, 21) == [15, 14, 18, 29]
    assert portal.over("expansion_amount", 0, 21) == [120000, 199999]


def test_which_deals_are_open_expansion() -> None:
    cases: list[tuple[dict[str, Any], bool]] = [
        ({}, True),
        ({"dealstage": "closedwon"}, False),
        ({"dealstage": "gone", "hs_is_closed": True}, False),
        ({"dealstage": "gone", "hs_is_closed": False}, True),
        ({"dealtype": "newbusiness"}, False),
        ({"dealtype": None}, False),
        ({"pipeline": "p_renewal"}, False),
        ({"pipeline": "unheard of"}, True),
        ({"links": ("companies/9999!",)}, False),
    ]
    portal = Portal()
    portal.pipelines()
    for number, (more, _) in enumerate(cases):
        links = (f"companies/{portal.account(str(number))}!",)
        portal.deal(f"d{number}", **{"links": links, **more})
    found = [row["expansion_deal_id"] for row in portal.rows().values()]
    assert found == [f"d{number}" if counts else None for number, (_, counts) in enumerate(cases)]


def test_named_pipelines_hold_the_expansion_deals_of_whatever_type(portal: Portal) -> None:
    portal.deal("d1", 50, dealtype="newbusiness")
    portal.deal("d2", 5, pipeline="default")
    for named in ("expansion", "UPSELL "):
        assert portal.fact("expansion_deal_id", sources=FactSources(expansion_pipelines=(named,))) == "d1"


def test_a_pipeline_may_be_named_that_cannot_be_read() -> None:
    portal = Portal()
    portal.account()
    portal.deal(dealtype=None)
    assert portal.fact("expansion_deal_id", sources=FactSources(expansion_pipelines=("expansion",))) == "d1"


def test_amounts_in_minor_units() -> None:
    cases: list[tuple[Any, str | None, tuple[int | None, str | None]]] = [
        ("12.345", "EUR", (1235, "eur")),
        (7, "kwd", (7000, "kwd")),
        ("lots", "EUR", (None, "eur")),
        (-5, "EUR", (None, "eur")),
        ("NaN", "EUR", (None, "eur")),
        (5, "XXX", (None, None)),
        (5, None, (None, None)),
        (None, "EUR", (None, "eur")),
    ]
    portal = Portal()
    for number, (amount, currency, _) in enumerate(cases):
        links = (f"companies/{portal.account(str(number))}!",)
        portal.deal(f"d{number}", amount=amount, deal_currency_code=currency, links=links)
    rows = portal.rows().values()
    assert [(row["expansion_amount"], row["expansion_currency"]) for row in rows] == [
        want for *_, want in cases
    ]


def test_a_budget_is_what_the_property_says() -> None:
    portal = Portal()
    said = {"1": "in Q1", "2": 40000, "3": True, "4": False, "5": 0, "6": " ", "7": None, "8": "No"}
    for company, value in said.items():
        portal.account(company, budget=value)
    rows = portal.rows(sources=BUDGET)
    found = {company: row["budget_value"] for company, row in rows.items() if row["budget_value"]}
    assert found == {"1": "in Q1", "2": "40000", "3": "true"}
    assert rows["1"]["budget_days"] == 900
    assert rows["4"]["budget_days"] is None
    portal = Portal()
    portal.account(changed=50, budget="in Q1")
    assert portal.over("budget_days", 0, 50, 51, sources=BUDGET) == [50, 0, None]
    assert {row["budget_value"] for row in portal.rows().values()} == {None}
