"""Rules of tasks in the settings: what they change, and how each mistake is told."""

from __future__ import annotations

from typing import Any

import pytest

from crm_sync.options import OPPORTUNITIES, RISKS
from crm_sync.task_rules import read_task_rules
from crm_sync.task_texts import PLACEHOLDERS, Texts, check_template, messages, one_line, reference
from crm_sync.tasks import DEFAULT_RULES, Rule
from enrichment import money
from saaskpi.errors import UsageError
from tests.support.crm import account

OWN = {"risk": ["big_and_quiet"], "opportunity": ["upsell"]}


def rule_of(table: dict[str, Any]) -> Rule:
    return next(rule for rule in read_task_rules([table], OWN) if rule.flag == table["flag"])


def test_without_settings_the_defaults_hold_and_each_own_flag_has_a_rule() -> None:
    rules = read_task_rules([], OWN)
    assert rules[: len(DEFAULT_RULES)] == DEFAULT_RULES
    assert [(rule.flag, rule.texts) for rule in rules[len(DEFAULT_RULES) :]] == [
        ("big_and_quiet", "own"),
        ("upsell", "own"),
    ]


def test_a_rule_changes_what_it_names_and_nothing_else() -> None:
    rule = rule_of({"flag": "silent", "due_in": 0, "priority": "HIGH", "owner": 77, "enabled": False})
    assert (rule.due_in, rule.priority, rule.owner, rule.enabled) == (0, "HIGH", "77", False)
    assert (rule.min_severity, rule.type) == ("high", "CALL"), "as by default"


@pytest.mark.parametrize("flag", [*RISKS, *OPPORTUNITIES, "big_and_quiet", "upsell"])
@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_flag_can_have_a_rule_and_has_words(flag: str, language: str) -> None:
    texts = Texts(language, money, None)
    words = rule_of({"flag": flag}).words(texts)
    values = texts.values(flag, "high", account("1"), "It is so.")
    assert texts.subject(words, values).startswith("Company 1")
    assert texts.body(words, values).startswith("It is so.<br>")


def test_words_of_ones_own_in_both_languages_and_one_for_both() -> None:
    rule = rule_of(
        {
            "flag": "silent",
            "subject": {"en": "Call {company}", "fr": "Appeler {company}"},
            "body": "{flag} ({severity})\nMRR {mrr}, score {health}, {plan}, {renewal}\n{link}\n{{as is}}",
        }
    )
    shown = {}
    for language in ("en", "fr"):
        texts = Texts(language, money, None)
        words = rule.words(texts)
        values = texts.values("silent", "high", account("1"), None)
        shown[language] = (texts.subject(words, values), texts.body(words, values))
    assert shown["en"] == (
        "Call Company 1",
        "Silent (high)<br>MRR 129.01 EUR, score 81, Team, 2027-03-01<br>{as is}",
    )
    assert shown["fr"][0] == "Appeler Company 1"
    assert shown["fr"][1].startswith("Sans activité (forte)<br>MRR 129,01")


def test_one_language_stands_for_the_other() -> None:
    rule = rule_of({"flag": "silent", "subject": {"fr": "Appeler"}})
    assert rule.subject == {"en": "Appeler", "fr": "Appeler"}


@pytest.mark.parametrize(
    "table, words",
    [
        ({}, ("no. 1: flag is missing",)),
        ({"flag": 3}, ("flag is not a text", "quotes")),
        ({"flag": "silnt"}, ("'silnt'", "Did you mean silent?")),
        ({"flag": "big_and_quit"}, ("Did you mean big_and_quiet?",)),
        ({"flag": "zzz"}, ("'zzz'", "docs/health.md")),
        ({"flag": "silent", "prioritty": "LOW"}, ("silent", "'prioritty'", "Did you mean priority?")),
        ({"flag": "silent", "priority": "high"}, ("silent: priority", "Did you mean HIGH?")),
        ({"flag": "silent", "priority": 1}, ("priority is not a text",)),
        ({"flag": "silent", "type": "LETTER"}, ("type cannot be 'LETTER'", "TODO, CALL, EMAIL")),
        ({"flag": "silent", "min_severity": "medum"}, ("Did you mean medium?",)),
        ({"flag": "silent", "due_in": "3"}, ("due_in is no number of days", "0 to 90")),
        ({"flag": "silent", "due_in": -1}, ("due_in",)),
        ({"flag": "silent", "due_in": True}, ("due_in",)),
        ({"flag": "silent", "enabled": "yes"}, ("enabled is neither true nor false",)),
        ({"flag": "silent", "owner": "compny"}, ("owner cannot be 'compny'", "Did you mean company?")),
        ({"flag": "silent", "owner": ""}, ("owner", "fallback")),
        ({"flag": "silent", "subject": ""}, ("subject is no text",)),
        ({"flag": "silent", "subject": {}}, ("subject is empty",)),
        ({"flag": "silent", "subject": {"de": "Anruf"}}, ("subject has no language 'de'", "en or fr")),
        ({"flag": "silent", "subject": {"fr": 3}}, ("subject.fr is no text",)),
        ({"flag": "silent", "subject": "{companny}"}, ("{companny}", "Did you mean {company}?")),
        ({"flag": "silent", "body": "{zzz}"}, ("{zzz}", "{evidence}")),
        ({"flag": "silent", "body": "{company.name}"}, ("{company.name}",)),
        ({"flag": "silent", "body": "{company!r}"}, ("given a form",)),
        ({"flag": "silent", "body": "{company:>1000000}"}, ("given a form",)),
        ({"flag": "silent", "body": "{0}"}, ("{0}",)),
        ({"flag": "silent", "body": "{"}, ("brace", "{{")),
        ({"flag": "silent", "body": "x" * 2_001}, ("2,001 characters",)),
    ],
)
def test_every_mistake_names_its_setting_and_what_was_meant(
    table: dict[str, Any], words: tuple[str, ...]
) -> None:
    with pytest.raises(UsageError) as refused:
        read_task_rules([table], OWN)
    said = f"{refused.value.message} {refused.value.hint}"
    assert said.startswith("tasks.rules")
    assert all(word in said for word in words), said


def test_two_rules_for_one_flag_are_refused() -> None:
    with pytest.raises(UsageError, match="silent has two rules"):
        read_task_rules([{"flag": "silent"}, {"flag": "silent"}])


HOSTILE = (
    "<script>alert(1)</script>",
    "line one\nline two\r\x1b[31mred\x07",
    "{mrr} {0} {company.__class__} %s",
    "\u202eevil\u2066",
    "x" * 10_000,
    "",
    "   ",
    None,
    "'\"&<>",
)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("language", ["en", "fr"])
def test_no_name_can_break_out_of_a_task(name: str | None, language: str) -> None:
    texts = Texts(language, money, "https://kpi.example/{account_id}")
    words = texts.words("silent", "{company} / {evidence}", "{company}\n{evidence}\n{link}")
    values = texts.values("silent", "high", account("1", name=name), name)
    subject, body = texts.subject(words, values), texts.body(words, values)
    assert "\n" not in subject
    assert len(subject) <= 1_000
    assert subject == one_line(subject)
    assert "<" not in body.replace("<br>", "")
    assert "\x1b" not in body
    assert len(body) < 10_000
    assert "https://kpi.example/1" in body


def test_a_line_without_a_value_is_left_out() -> None:
    texts = Texts("en", money, None)
    words = texts.words("silent", "s", "{evidence}\nScore: {health}\nDetails: {link}\n\nAlways")
    values = texts.values("silent", "high", account("1", health_score=None), "")
    assert texts.body(words, values) == "Always"


def test_every_placeholder_has_a_value_and_is_a_template() -> None:
    values = Texts("en", money, None).values("silent", "high", account("1"), "e")
    assert set(values) == set(PLACEHOLDERS)
    assert all(check_template(f"{{{name}}}") is None for name in PLACEHOLDERS)


def test_both_languages_have_the_same_words() -> None:
    english, french = messages("en"), messages("fr")
    assert set(english) == set(french)
    for name, text in english.items():
        if isinstance(text, dict):
            assert set(text) == set(french[name])


def test_a_reference_is_short_and_its_own() -> None:
    marks = {reference(f"4711:{number}:silent:2026-10-31") for number in range(500)}
    assert len(marks) == 500
    assert all(mark.startswith("ref: saaskpi-") and len(mark) == 21 for mark in marks)
