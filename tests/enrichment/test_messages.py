"""Both catalogues say the same things, and every sentence can be filled."""

from __future__ import annotations

import re
from datetime import date
from string import Formatter

import pytest

from enrichment.health.signals import COMPONENTS, SIGNALS
from enrichment.messages import LANGUAGES, Money, catalogue, say

KEYS = sorted(catalogue("en"))
SAMPLE = {
    "amount": Money(12900, "eur"),
    "before": Money(50000, "eur"),
    "now": Money(40000, "eur"),
    "total": Money(50000, "eur"),
    "date": date(2026, 12, 1),
    "name": "Globex",
    "n": 2,
}


def texts(language: str, key: str) -> list[str]:
    entry = catalogue(language)[key]
    return [entry] if isinstance(entry, str) else list(entry.values())


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_both_catalogues_have_the_same_keys() -> None:
    assert sorted(catalogue("fr")) == KEYS


@pytest.mark.parametrize("key", KEYS)
def test_an_entry_has_the_same_placeholders_in_both_languages(key: str) -> None:
    english, french = (set().union(*map(placeholders, texts(language, key))) for language in LANGUAGES)
    assert english == french


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("key", KEYS)
def test_every_placeholder_is_filled(key: str, language: str) -> None:
    wanted = set().union(*(placeholders(text) for text in texts(language, key)))
    text = say(key, **{name: SAMPLE.get(name, "7") for name in {*wanted, "n"}}).text(language)
    assert not re.search(r"[{}]", text)
    assert text.strip() == text
    assert "  " not in text


@pytest.mark.parametrize(
    "n, english, french",
    [
        (0, "0 days past due", "0 jour de retard"),
        (1, "1 day past due", "1 jour de retard"),
        (2, "2 days past due", "2 jours de retard"),
    ],
)
def test_the_singular_is_each_languages_own(n: int, english: str, french: str) -> None:
    late = say("flag.payment_failed.overdue", n=n)
    assert (late.text("en"), late.text("fr")) == (english, french)


def test_french_keeps_its_punctuation_on_the_line() -> None:
    text = say("flag.contraction.mrr", percent=20, days=90, before="a", now="b").text("fr")
    assert "20\u202f%" in text
    assert not re.search(r" [:;%]", text)


def test_every_signal_and_component_has_a_name() -> None:
    for signal in SIGNALS:
        assert f"name.{signal.id}" in KEYS
    for component in COMPONENTS:
        assert f"component.{component}" in KEYS
