"""Facts about usage at an instant, worked out by hand at the borders of the windows."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from enrichment.facts.catalogue import PART_COLUMNS
from enrichment.facts.sources import FactSources
from enrichment.facts.usage_findings import usage_findings
from saaskpi.errors import UsageError
from tests.enrichment.usage_books import NOW, UsageBooks, facts_at

MICROSECOND = 1 / 86_400_000_000


@pytest.fixture
def books() -> UsageBooks:
    made = UsageBooks()
    made.account()
    return made


def only(books: UsageBooks, **how: Any) -> dict[str, Any]:
    found = books.facts(**how)
    assert list(found) == ["cus_1"]
    return found["cus_1"]


def test_the_columns_are_those_of_the_catalogue(books: UsageBooks) -> None:
    with books.prepared() as engine:
        facts_at(engine, NOW)
        found = engine.frame("account_usage")
    assert list(found) == list(PART_COLUMNS["account_usage"])
    assert found.empty


@pytest.mark.parametrize(
    "days, counted",
    [(-1, None), (0, None), (MICROSECOND, 1), (28, 1), (28 + MICROSECOND, 0)],
    ids=["tomorrow", "at-the-instant", "just-before", "28-days", "longer-ago"],
)
@pytest.mark.parametrize("hour", [0, 14.6], ids=["midnight", "afternoon"])
def test_the_window_holds_its_first_instant_and_not_its_last(
    books: UsageBooks, days: float, counted: float | None, hour: float
) -> None:
    as_of = NOW + timedelta(hours=hour)
    books.use(days - hour / 24)
    found = books.facts(as_of=as_of)
    assert (found["cus_1"]["core_events"] if found else None) == counted


def test_a_past_instant_at_another_time_of_day_is_exact_too(books: UsageBooks) -> None:
    books.use(28.25)
    books.use(28.5)
    with books.prepared(at=NOW + timedelta(hours=14)) as engine:
        assert facts_at(engine, NOW - timedelta(hours=6))["cus_1"]["core_events"] == 1
        assert facts_at(engine, NOW - timedelta(hours=12))["cus_1"]["core_events"] == 2
        assert facts_at(engine, NOW)["cus_1"]["core_events"] == 0


@pytest.mark.parametrize(
    "known, counted", [(0, 5), (-MICROSECOND, None)], ids=["known-by-then", "known-later"]
)
def test_what_was_known_later_does_not_count(books: UsageBooks, known: float, counted: float | None) -> None:
    books.use(3, quantity=5, known=known)
    found = books.facts(as_of=NOW)
    assert (found["cus_1"]["core_events"] if found else None) == counted


def test_nothing_is_known_before_it_happened(books: UsageBooks) -> None:
    books.use(1, known=400)
    assert books.facts(as_of=NOW - timedelta(days=2)) == {}


def test_the_three_windows_before_give_their_mean(books: UsageBooks) -> None:
    for days, quantity in ((1, 7), (29, 10), (57, 20), (85, 60), (112, 3), (112.5, 1000)):
        books.use(days, quantity=quantity)
    found = only(books)
    assert (found["core_events"], found["core_events_before"]) == (7, 31)
    assert found["usage_history_days"] == 112


def test_of_a_short_history_the_mean_is_of_what_there_was(books: UsageBooks) -> None:
    books.use(1, quantity=10)
    books.use(41.5, quantity=5)
    found = only(books)
    assert found["usage_history_days"] == 41
    assert found["core_events_before"] == 10, "5 in the 14 days before the window"


def test_without_a_window_before_there_is_no_mean(books: UsageBooks) -> None:
    books.use(27.5)
    assert only(books)["core_events_before"] is None


def test_seen_but_idle_is_nought_and_never_seen_is_nothing(books: UsageBooks) -> None:
    books.account("cus_2")
    books.use(60)
    found = books.facts()
    assert found["cus_1"]["core_events"] == 0
    assert found["cus_1"]["days_idle"] == 59
    assert "cus_2" not in found


def test_only_core_events_count_but_any_event_is_a_sign_of_life(books: UsageBooks) -> None:
    books.use(20, event="report", quantity=4)
    books.use(2.5, event="login", quantity=100)
    books.use(12, event="Report", quantity=50)
    found = only(books, sources=FactSources(core_events=("report", "report")))
    assert found["core_events"] == 4
    assert found["days_idle"] == 2
    assert only(books)["core_events"] == 154, "no core event is named: all count"


def test_a_row_of_nought_is_seen_and_no_use(books: UsageBooks) -> None:
    books.use(40.5, user="ann", quantity=0)
    books.use(0.5, user="ann", quantity=0)
    found = only(books)
    assert (found["core_events"], found["active_users"], found["days_idle"]) == (0, 0, 40)
    books.use(10.5, user="ann")
    assert only(books)["days_idle"] == 10


def test_users_are_counted_once_and_only_where_they_are_named(books: UsageBooks) -> None:
    books.account("cus_2")
    for days, user in ((1, "ann"), (2, "ann"), (28, "bob"), (29, "cy"), (3, None)):
        books.use(days, user=user)
    books.use(1, "cus_2")
    found = books.facts()
    assert found["cus_1"]["active_users"] == 2
    assert found["cus_2"]["active_users"] is None


def test_users_once_named_and_now_gone_are_nought(books: UsageBooks) -> None:
    books.use(100, user="ann")
    books.use(1)
    assert only(books)["active_users"] == 0


def test_one_user_under_two_keys_of_an_account_is_one(books: UsageBooks) -> None:
    books.account("cus_2", "1001")
    books.account("cus_3", "1001")
    books.use(1, "cus_2", user="ann")
    books.use(1, "cus_3", user="ann")
    found = books.facts()["1001"]
    assert (found["active_users"], found["core_events"]) == (1, 2)


@pytest.mark.parametrize("weeks, weekly", [(8, False), (9, True), (12, True)], ids=["8", "9", "12"])
def test_nine_of_twelve_weeks_make_a_weekly_user(books: UsageBooks, weeks: int, weekly: bool) -> None:
    for week in range(weeks):
        books.use(40 + 7 * week)
    assert only(books)["is_weekly_user"] is weekly


def test_weeks_before_the_twelve_do_not_count(books: UsageBooks) -> None:
    for week in (*range(8), 12, 13, 14):
        books.use(40 + 7 * week)
    assert only(books)["is_weekly_user"] is False


@pytest.mark.parametrize(
    "quantity, months, share",
    [(80, 1, 0.8), (79, 0, 0.79), (250, 1, 2.5)],
    ids=["at-80-per-cent", "below", "above-the-limit"],
)
def test_a_limit_of_the_plan_is_shared(quantity: float, months: int, share: float) -> None:
    books = UsageBooks()
    books.account(plan="Pro")
    books.account("cus_2", plan="Free")
    books.use(1, quantity=quantity)
    books.use(1, "cus_2", quantity=quantity)
    found = books.facts(sources=FactSources(limits={"Pro": 100}))
    assert (found["cus_1"]["limit_months"], found["cus_1"]["limit_share"]) == (months, share)
    assert found["cus_1"]["limit_kind"] == "events"
    assert [found["cus_2"][name] for name in ("limit_months", "limit_share", "limit_kind")] == [None] * 3


def test_the_higher_share_of_limit_and_seats_counts_in_each_window() -> None:
    books = UsageBooks()
    books.account(plan="Pro", seats=4)
    books.use(1, quantity=10, user="ann")
    for user in ("ann", "bob", "cy"):
        books.use(2, quantity=0.1, user=user)
    books.use(30, quantity=95, user="ann")
    for user in ("ann", "bob", "cy", "di"):
        books.use(60, quantity=0.1, user=user)
    found = books.facts(sources=FactSources(limits={"Pro": 100}))["cus_1"]
    assert (found["limit_share"], found["limit_kind"]) == (0.75, "seats")
    assert found["limit_months"] == 2, "95 of 100 events, then 4 of 4 seats; now 3 of 4"


def test_seats_say_nothing_where_nobody_is_named() -> None:
    books = UsageBooks()
    books.account(seats=4)
    books.use(1)
    assert books.facts()["cus_1"]["limit_share"] is None


@pytest.mark.parametrize("limit", [0, -1, float("nan"), float("inf")], ids=["0", "below", "nan", "inf"])
def test_a_limit_that_is_none_is_an_error(books: UsageBooks, limit: float) -> None:
    with pytest.raises(UsageError, match="limit of the plan 'Pro'"):
        books.facts(sources=FactSources(limits={"Pro": limit}))


@pytest.mark.parametrize(
    "kind, key",
    [
        ("stripe_customer_id", "cus_2"),
        ("company_id", "1001"),
        ("account_id", "1001"),
        ("domain", "Globex.COM"),
        ("stripe.metadata.tenant", "t-7"),
        ("hubspot.tenant", "t-9"),
    ],
)
def test_every_kind_of_key_finds_its_account(kind: str, key: str) -> None:
    books = UsageBooks()
    books.account()
    books.account("cus_2", "1001", metadata={"tenant": "t-7"})
    books.company("1001", domain="globex.com", tenant="t-9")
    books.use(1, key, kind=kind)
    assert list(books.facts()) == ["1001"]


def test_keys_of_nobody_and_of_several_are_told_and_count_for_none() -> None:
    books = UsageBooks()
    for number in (1, 2):
        books.account(f"cus_{number}", f"100{number}", metadata={"team": "same", "empty": ""})
        books.company(f"100{number}", domain="shared.com")
    books.use(1, "Shared.com", kind="domain")
    books.use(2, "Shared.com", kind="domain")
    books.use(1, "cus_9")
    books.use(1, "same", kind="stripe.metadata.team")
    books.use(1, "x", kind="stripe.metadata.none")
    with books.prepared() as engine:
        assert facts_at(engine, NOW) == {}
        lost = engine.frame("SELECT account_key, reason, events FROM usage_unmatched ORDER BY account_key")
        rejected = engine.frame("SELECT stream, id, reason FROM usage_rejected ORDER BY id")
    assert [tuple(row) for row in lost.itertuples(index=False)] == [
        ("Shared.com", "Several accounts have it: 2.", 2),
        ("cus_9", "No account has it.", 1),
        ("same", "Several accounts have it: 2.", 1),
        ("x", "No account has it.", 1),
    ]
    assert rejected["reason"].iloc[0] == "Several accounts have it: 2. domain, 2 rows."


def test_two_customers_of_one_company_share_a_key() -> None:
    books = UsageBooks()
    books.account("cus_1", "1001", metadata={"team": "same"})
    books.account("cus_2", "1001", metadata={"team": "same"})
    books.use(1, "same", kind="stripe.metadata.team")
    assert books.facts()["1001"]["core_events"] == 1


def test_meters_count_by_their_event_when_the_day_is_over(books: UsageBooks) -> None:
    books.tables["latest_stripe_meters"].append({"id": "mtr_1", "event_name": "api_call"})
    books.meter(1, 40)
    books.meter(28, 2)
    books.meter(29, 500)
    books.meter(1, 7, meter="mtr_2")
    sources = FactSources(core_events=("api_call",))
    assert only(books, sources=sources)["core_events"] == 42
    assert only(books, sources=sources)["active_users"] is None
    noon = NOW - timedelta(hours=12)
    assert only(books, sources=sources, as_of=noon)["core_events"] == 2, "today's is not known at noon"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0], ids=["nan", "inf", "below"])
def test_a_meter_that_counts_nonsense_is_kept_aside(books: UsageBooks, value: float) -> None:
    books.meter(1, value)
    with books.prepared() as engine:
        assert facts_at(engine, NOW) == {}
        assert list(engine.frame("usage_rejected")["stream"]) == ["stripe_meter_event_summaries"]


def test_where_no_usage_is_connected_no_instant_has_any(books: UsageBooks) -> None:
    with books.prepared(FactSources(limits={"Team": 5})) as engine:
        assert facts_at(engine, NOW) == {}
        assert facts_at(engine, NOW - timedelta(hours=30)) == {}
        assert list(engine.frame("account_usage")) == list(PART_COLUMNS["account_usage"])
        assert list(engine.frame("usage_rejected")) == ["stream", "id", "reason"]
        assert engine.frame("usage_rejected").empty


TOLD = FactSources(events_property="events_28", last_active_property="last_active")


@pytest.mark.parametrize(
    "last_active, idle",
    [
        ("2026-10-29T12:00:00Z", 2),
        ("2026-10-29", 3),
        ("1793275200000", 2),
        ("2026-10-29T14:00:00+02:00", 2),
        ("2026-11-05", None),
    ],
    ids=["time", "date", "milliseconds", "zone", "future"],
)
def test_hubspot_tells_of_accounts_without_events(last_active: str, idle: int | None) -> None:
    books = UsageBooks()
    books.account("cus_1", "1001")
    books.company("1001", updated=1, events_28="12.5", last_active=last_active)
    found = books.facts(sources=TOLD)["1001"]
    assert (found["core_events"], found["days_idle"]) == (12.5, idle)
    assert [found[name] for name in ("active_users", "core_events_before", "is_weekly_user")] == [None] * 3
    assert books.facts(sources=TOLD, as_of=NOW - timedelta(days=1, seconds=1)) == {}, "not known yet"


def test_events_win_over_what_hubspot_tells() -> None:
    books = UsageBooks()
    books.account("cus_1", "1001")
    books.company("1001", events_28="12", last_active="2026-10-31")
    books.use(100)
    found = books.facts(sources=TOLD)["1001"]
    assert (found["core_events"], found["days_idle"]) == (0, 99)


@pytest.mark.parametrize("text", ["NaN", "inf", "-3", "many"])
def test_a_property_that_is_no_number_is_kept_aside(text: str) -> None:
    books = UsageBooks()
    books.account("cus_1", "1001")
    books.company("1001", events_28=text, last_active="2026-02-30")
    with books.prepared(TOLD) as engine:
        found = facts_at(engine, NOW)["1001"]
        kept = engine.frame("usage_rejected")
    assert (found["core_events"], found["days_idle"]) == (None, None)
    assert set(kept["stream"]) == {"hubspot_companies"}
    assert len(kept) == 2


def test_without_any_usage_there_is_nothing_to_say(books: UsageBooks) -> None:
    with books.prepared() as engine:
        facts_at(engine, NOW)
        [(state, words, hint)] = usage_findings(engine, FactSources())
    assert (state, words) == ("ok", "No usage is connected; the health score does without it.")
    assert "usage.sources" in hint


def test_check_names_what_was_seen_and_what_is_missing(books: UsageBooks) -> None:
    books.account("cus_2")
    books.account("cus_3", mrr=0)
    books.use(1, event="login")
    books.use(1, event="login")
    books.use(1, event="report")
    books.use(1, "cus_9")
    with books.prepared() as engine:
        facts_at(engine, NOW)
        core, lost, covered = usage_findings(engine, FactSources())
        _, missing, *_ = usage_findings(engine, FactSources(core_events=("export",)))[0]
        named = usage_findings(engine, FactSources(core_events=("report",)))[0]
    assert core[0] == "todo"
    assert "login (3), report (1)" in core[1]
    assert "usage.core_events" in core[2]
    assert missing == "Core events that never occur: export. Seen: login (3), report (1)."
    assert named == ("ok", "Core events: report; 1 of 4 rows.", "")
    assert lost[:2] == (
        "todo",
        "1 of 2 account keys in the usage data mean no account, or several; 1 rows count for nobody. "
        "Those with the most rows: cus_9.",
    )
    assert covered[1] == "1 of 2 paying accounts never appear in the usage data."


def test_two_instants_do_not_disturb_each_other(books: UsageBooks) -> None:
    books.use(1, user="ann")
    books.use(45, user="bob")
    past = NOW - timedelta(days=30)
    alone = books.facts(as_of=past)
    with books.prepared() as engine:
        now = facts_at(engine, NOW)
        assert facts_at(engine, past) == alone
        assert facts_at(engine, NOW) == now


def test_the_first_instants_of_time_are_no_trouble(books: UsageBooks) -> None:
    books.use((NOW - datetime.fromisoformat("1970-01-02")).days)
    assert only(books)["core_events"] == 0
