"""``docs/policy.md`` and the catalogues say what the policy and its presets declare."""

from __future__ import annotations

from pathlib import Path

import pytest

from enrichment.messages import LANGUAGES, catalogue
from enrichment.policy import KEYS, Counted, Key
from enrichment.policy_words import changes, meaning
from enrichment.presets import DEFAULT, PRESETS, reason

TEXT = (Path(__file__).parents[2] / "docs" / "policy.md").read_text(encoding="utf-8")
CHOSEN = [(name, key, choice) for name, keys in PRESETS.items() for key, choice in keys.items()]


def section(title: str) -> list[list[str]]:
    """Return the rows of the table under a heading, without its head."""
    part = TEXT.split(f"\n## {title}\n")[1].split("\n## ")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines() if line[:1] == "|"
    ]
    return rows[2:]


def forms(key: Key) -> list[str]:
    listed = [f"`{choice}`" for choice in key.choices]
    if isinstance(key.form, Counted):
        name = key.form.name
        return [*listed, f"`{name}:{key.form.low}` to `{name}:{key.form.high}`"]
    return [*listed, key.form.text] if key.form else listed


def test_every_key_is_listed_with_its_choices_the_default_first() -> None:
    listed = [(row[0], row[1], row[2]) for row in section("Keys")]
    assert listed == [(f"`{key.name}`", ", ".join(forms(key)), changes(key).text("en")) for key in KEYS]
    assert all(row[3] for row in section("Keys"))


def test_every_choice_is_explained() -> None:
    listed = {(row[0], row[1]): row[2] for row in section("What each choice does")}
    for key in KEYS:
        for choice in key.choices:
            assert listed.pop((f"`{key.name}`", f"`{choice}`")) == meaning(key, choice).text("en")
        if isinstance(key.form, Counted):
            sentence = catalogue("en")[f"policy.{key.name}.{key.form.name}"]["other"]
            assert listed.pop((f"`{key.name}`", f"`{key.form.name}:N`")) == sentence.format(n="N")
        elif key.form:
            assert "that time zone" in listed.pop((f"`{key.name}`", "a time zone"))
    assert not listed


def test_every_preset_is_listed_with_its_reasons_and_sources() -> None:
    expected = [
        [f"`{name}`", f"`{key}`", f"`{choice.value}`", reason(name, key).text("en"), f"<{choice.source}>"]
        for name, key, choice in CHOSEN
    ]
    assert section("Presets") == expected
    assert f'preset = "chartmogul"                   # {", ".join([DEFAULT, *PRESETS])}' in TEXT


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_key_choice_and_preset_has_its_sentence_and_no_other_is_left_over(language: str) -> None:
    expected = set()
    for key in KEYS:
        form = key.form.name if isinstance(key.form, Counted) else "zone" if key.form else ""
        names = [*key.choices, "changes", *([form] if form else [])]
        expected |= {f"policy.{key.name}.{name}" for name in names}
    expected |= {f"preset.{name}.{key}" for name, key, _ in CHOSEN}
    found = {name for name in catalogue(language) if name.startswith(("policy.", "preset."))}
    assert {name for name in found if not name.startswith("policy.diff.")} == expected


def test_sentences_of_forms_tell_the_number() -> None:
    keys = {key.name: key for key in KEYS}
    assert meaning(keys["status.past_due"], "include_days:30").text("en").endswith("for 30 days.")
    assert meaning(keys["status.past_due"], "include_days:1").text("fr").endswith("pendant 1 jour.")
    assert meaning(keys["calendar"], "Asia/Tokyo").text("en") == "Months end at midnight in Asia/Tokyo."
