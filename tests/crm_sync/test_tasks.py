from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_sync.model import TaskAction
from crm_sync.options import OPPORTUNITIES, RISKS
from crm_sync.plan import PlanInputs, PlanSettings, build_plan
from crm_sync.properties import FIELDS, fields_with
from crm_sync.task_texts import messages
from crm_sync.tasks import (
    DEFAULT_RULES,
    SEVERITIES,
    Rule,
    due_at,
    own_rules,
    task_key,
    working_days_after,
)
from enrichment import money
from saaskpi.errors import UsageError
from tests.support.crm import NOW, account, episode, flag, inputs_from, open_store, ready_crm, start_run


@pytest.fixture
def inputs(tmp_path: Path) -> Iterator[PlanInputs]:
    with open_store(tmp_path / "store.db") as store:
        start_run(store, [episode("1")])
        yield inputs_from(ready_crm("1"), store, [account("1")], [flag("1")])


def tasks_of(inputs: PlanInputs, **settings: Any) -> list[TaskAction]:
    return build_plan(inputs, PlanSettings(**settings), money, NOW).tasks


def with_account(inputs: PlanInputs, **changes: Any) -> PlanInputs:
    known = pd.DataFrame([account("1", **changes)])
    return replace(inputs, accounts=known)


def test_a_task_says_what_happened_to_whom_and_when_it_is_due(inputs: PlanInputs) -> None:
    (task,) = tasks_of(inputs)
    assert task.key == "4711:1:payment_failed:2026-10-31"
    assert (task.subject, task.owner_id, task.type, task.priority) == (
        "Company 1: payment failed",
        "7",
        "EMAIL",
        "HIGH",
    )
    assert task.due == datetime(2026, 11, 3, 9, tzinfo=UTC), "Friday plus two working days"
    assert task.body.startswith("Invoice in_1 failed twice.<br>")
    assert "MRR: 129.01 EUR" in task.body


def test_a_task_in_french_is_french_throughout(inputs: PlanInputs) -> None:
    (task,) = tasks_of(inputs, language="fr", link="https://kpi.example/{account_id}")
    assert task.subject == "Company 1 : paiement échoué"
    assert "La facture in_1 a échoué deux fois." in task.body
    assert "MRR : 129,01\N{NO-BREAK SPACE}EUR" in task.body
    assert "Détails : https://kpi.example/1" in task.body


def test_markup_in_a_name_or_in_evidence_stays_text(inputs: PlanInputs) -> None:
    odd = replace(inputs, flags=inputs.flags.assign(evidence_en="<script>alert(1)</script> & more"))
    (task,) = tasks_of(odd)
    assert "<script>" not in task.body
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in task.body


def test_braces_in_a_name_do_no_harm(inputs: PlanInputs) -> None:
    (task,) = tasks_of(with_account(inputs, name="{mrr} {0} Ltd"))
    assert task.subject == "{mrr} {0} Ltd: payment failed"


@pytest.mark.parametrize(
    "owner, fallback, assignee",
    [
        ("7", None, "7"),
        ("8", None, None),
        ("8", "7", "7"),
        (None, "7", "7"),
        (None, "8", None),
        ("99", None, None),
    ],
)
def test_a_task_goes_to_an_owner_who_is_there(
    inputs: PlanInputs, owner: str | None, fallback: str | None, assignee: str | None
) -> None:
    (task,) = tasks_of(with_account(inputs, owner_id=owner), fallback_owner_id=fallback)
    assert task.owner_id == assignee


def test_nobody_to_give_a_task_to_is_said(inputs: PlanInputs) -> None:
    plan = build_plan(with_account(inputs, owner_id="8"), PlanSettings(), money, NOW)
    assert any("without an active owner" in note for note in plan.notes)


@pytest.mark.parametrize("severity, opened", [("low", 0), ("medium", 1), ("high", 1)])
def test_a_rule_has_a_least_severity(inputs: PlanInputs, severity: str, opened: int) -> None:
    assert len(tasks_of(replace(inputs, flags=inputs.flags.assign(severity=severity)))) == opened


def test_a_flag_without_a_rule_makes_no_task(inputs: PlanInputs) -> None:
    rules = (Rule("silent", "low", 1, "CALL", "LOW"),)
    assert tasks_of(inputs, rules=rules) == []


def test_a_closed_episode_makes_no_task_and_a_new_one_makes_another(tmp_path: Path) -> None:
    with open_store(tmp_path / "store.db") as store:
        start_run(store, [episode("1", closed=True), episode("1", number="2026-11-30")])
        inputs = inputs_from(ready_crm("1"), store, [account("1")], [flag("1")])
        assert [task.key for task in tasks_of(inputs)] == ["4711:1:payment_failed:2026-11-30"]


def test_a_key_holds_portal_account_rule_and_episode() -> None:
    assert task_key("1", "2", "silent", 3) == "1:2:silent:3"


@pytest.mark.parametrize(
    "count, day", [(0, "2026-10-30"), (1, "2026-11-02"), (5, "2026-11-06"), (6, "2026-11-09")]
)
def test_working_days_leave_out_the_weekend(count: int, day: str) -> None:
    assert working_days_after(date(2026, 10, 30), count) == date.fromisoformat(day)


@given(st.datetimes(timezones=st.just(UTC)).filter(lambda now: now.year < 9999), st.integers(1, 30))
def test_a_task_is_due_on_a_working_day_in_the_future(now: datetime, count: int) -> None:
    due = due_at(now, count)
    assert due.weekday() < 5
    assert due > now
    assert (due - now).days <= count + 2 * (count // 5 + 1)


@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_rule_has_its_texts_and_every_text_its_rule(language: str) -> None:
    tables = {name: text for name, text in messages(language).items() if isinstance(text, dict)}
    assert set(tables.pop("flags")) == {*RISKS, *OPPORTUNITIES}
    assert set(tables.pop("severities")) == set(SEVERITIES)
    texts = tables
    assert set(texts) == {*RISKS, *OPPORTUNITIES, "own"}
    for text in texts.values():
        assert set(text) == {"subject", "advice"}
        assert text["subject"].startswith("{company}")
        assert text["advice"].endswith((".", "?"))


def test_every_rule_is_of_a_flag_and_says_what_hubspot_understands() -> None:
    assert {rule.flag for rule in DEFAULT_RULES} == {*RISKS, "annual_offer"}
    for rule in DEFAULT_RULES:
        assert rule.min_severity in SEVERITIES
        assert rule.type in ("TODO", "CALL", "EMAIL")
        assert rule.priority in ("LOW", "MEDIUM", "HIGH")
        assert 1 <= rule.due_in <= 10


def own(*rows: tuple[str, str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["flag", "kind", "severity"])


def test_flags_of_users_become_rules_and_ours_do_not() -> None:
    found = own(
        ("big_and_quiet", "risk", "high"),
        ("silent", "risk", "high"),
        ("advocate", "opportunity", "low"),
        ("upsell", "opportunity", "high"),
        ("big_and_quiet", "risk", "high"),
        ("odd", "neither", "high"),
    )
    rules = own_rules(found)
    assert [(rule.flag, rule.min_severity, rule.type) for rule in rules] == [
        ("big_and_quiet", "high", "CALL"),
        ("upsell", "high", "CALL"),
    ]
    assert own_rules(own()) == ()


@pytest.mark.parametrize("severity, opened", [("low", 0), ("medium", 0), ("high", 1)])
def test_a_grave_flag_of_a_user_makes_a_task_with_its_own_sentence(
    tmp_path: Path, severity: str, opened: int
) -> None:
    raised = {"flag": "big_and_quiet", "severity": severity, "evidence_en": "Globex pays and says nothing."}
    with open_store(tmp_path / "store.db") as store:
        start_run(store, [{**episode("1"), "flag": "big_and_quiet"}])
        inputs = inputs_from(ready_crm("1"), store, [account("1")], [{**flag("1"), **raised}])
        tasks = tasks_of(inputs, rules=(*DEFAULT_RULES, *own_rules(own(("big_and_quiet", "risk", severity)))))
    assert len(tasks) == opened
    for task in tasks:
        assert task.key.startswith("4711:1:big_and_quiet:")
        assert task.subject == "Company 1: Big and quiet"
        assert task.body.startswith("Globex pays and says nothing.<br>One of your own rules applies")


def test_flags_of_users_are_options_of_their_property() -> None:
    fields = {one.property.name: one.property for one in fields_with({"risk": ["big_and_quiet"]})}
    plain = {one.property.name: one.property for one in FIELDS}
    risks = fields["saaskpi_risk_flags"].options
    assert risks is not None
    assert list(risks.items())[-1] == ("big_and_quiet", "Big and quiet")
    assert list(risks)[:-1] == list(RISKS)
    assert {name for name in fields if fields[name] != plain[name]} == {"saaskpi_risk_flags"}
    assert fields_with({}) == FIELDS


def test_an_unknown_language_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="'xx'"):
        messages("xx")


def test_a_subject_is_one_line_whatever_the_company_is_called(inputs: PlanInputs) -> None:
    (task,) = tasks_of(with_account(inputs, name="  one\r\ntwo\x1b[31m {company} %s\t"))
    assert task.subject.startswith("one two [31m {company} %s")
