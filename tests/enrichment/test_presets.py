"""Presets: named differences from the default, each with a sentence and a source."""

from __future__ import annotations

import pytest

from enrichment.policy import KEYS, Policy
from enrichment.presets import DEFAULT, PRESETS, preset, reason
from saaskpi.errors import UsageError

NAMES = list(PRESETS)


def test_there_are_four() -> None:
    assert NAMES == ["stripe", "chartmogul", "profitwell", "gross"]
    assert preset(DEFAULT) == Policy()


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_differs_from_the_default_in_the_keys_it_names_and_in_no_other(name: str) -> None:
    chosen, default = preset(name).choices(), Policy().choices()
    differing = {key: value for key, value in chosen.items() if value != default[key]}
    assert differing == {key: choice.value for key, choice in PRESETS[name].items()}


@pytest.mark.parametrize("name, key", [(name, key) for name in NAMES for key in PRESETS[name]])
def test_every_choice_has_a_reason_and_a_public_source(name: str, key: str) -> None:
    assert PRESETS[name][key].source.startswith("https://")
    for language in ("en", "fr"):
        text = reason(name, key).text(language)
        assert text.endswith(".")
        assert text[0].isupper()


def test_presets_differ_from_each_other() -> None:
    assert len({preset(name).hash for name in [DEFAULT, *NAMES]}) == 1 + len(NAMES)


def test_settings_begin_with_a_preset_and_single_keys_override_it() -> None:
    settings = {"preset": "chartmogul", "refunds": "ignore", "discounts": {"once": "ignore"}}
    found = Policy.from_settings(settings).choices()
    expected = preset("chartmogul").choices() | {"refunds": "ignore", "discounts.once": "ignore"}
    assert found == expected
    assert Policy.from_settings({"preset": "default"}) == Policy()


def test_an_unknown_preset_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError) as caught:
        preset("spreadsheet")
    assert caught.value.hint == "Presets: default, stripe, chartmogul, profitwell, gross."


def test_the_worked_answer_of_the_half_price_coupon_holds_under_stripe() -> None:
    stripe = preset("stripe")
    assert (stripe.discounts_forever, stripe.discounts_repeating, stripe.discounts_once) == (
        "subtract",
        "ignore",
        "ignore",
    )


def test_every_key_that_a_preset_names_exists() -> None:
    assert {key for name in NAMES for key in PRESETS[name]} <= {key.name for key in KEYS}
