"""Every key, choice and preset of the policy on the portfolio that is made to show them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from enrichment.policy import KEYS, Policy
from enrichment.presets import PRESETS, preset
from tests.enrichment.policy_cases import CASES, Outcome
from tests.enrichment.policy_portfolio import disagreeing, outcomes, staged
from tests.enrichment.tiny_engine import TinyEngine

SHOWN = {choice: case for case in CASES for choice in case.otherwise if choice[0] == case.key}
ALTERNATIVES = [(key.name, choice) for key in KEYS for choice in key.choices[1:]]
SINGLE = list(dict.fromkeys([*ALTERNATIVES, *SHOWN]))
OPEN: dict[str, dict[str, str]] = {}
"""Where the ledger is known not to do yet what the policy says: by run, the cases that differ, and how."""


@pytest.fixture(scope="module")
def engine() -> Iterator[TinyEngine]:
    with staged() as ready:
        yield ready


@pytest.fixture(scope="module")
def usual(engine: TinyEngine) -> dict[str, Outcome]:
    return outcomes(engine, Policy())


def test_there_is_a_case_for_every_key() -> None:
    assert [case.key for case in CASES] == [key.name for key in KEYS]


@pytest.mark.parametrize("key, value", ALTERNATIVES)
def test_every_choice_makes_a_difference_somewhere(key: str, value: str) -> None:
    assert any(case.otherwise.get((key, value), case.usual) != case.usual for case in CASES)


def test_every_form_is_shown() -> None:
    for key in KEYS:
        if key.form:
            shown = [value for name, value in SHOWN if name == key.name and value not in key.choices]
            assert any(SHOWN[key.name, value].otherwise[key.name, value] for value in shown)


def test_the_default_policy(usual: dict[str, Outcome]) -> None:
    assert usual == {case.key: case.usual for case in CASES}


@pytest.mark.slow
@pytest.mark.parametrize("key, value", SINGLE)
def test_a_choice_changes_the_customers_made_to_show_it_and_no_others(
    engine: TinyEngine, key: str, value: str
) -> None:
    check(
        outcomes(engine, policy := Policy.from_settings({key: value})), policy, OPEN.get(f"{key}={value}", {})
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_differs_from_the_default_only_where_its_keys_say_so(
    engine: TinyEngine, usual: dict[str, Outcome], name: str
) -> None:
    policy = preset(name)
    found = outcomes(engine, policy)
    check(found, policy, OPEN.get(name, {}))
    check_today(engine, OPEN.get(name, {}))
    chosen = {(key, choice.value) for key, choice in PRESETS[name].items()}
    bearing = {case.key for case in CASES if chosen & set(case.otherwise)}
    assert {key for key in found if found[key] != usual[key]} == bearing
    assert set(PRESETS[name]) <= bearing


def check(found: dict[str, Outcome], policy: Policy, known: dict[str, str]) -> None:
    """Compare the outcomes with those written down; what is known to differ must still differ."""
    expected = {case.key: case.expected(policy) for case in CASES}
    wrong = {key: found[key] for key in expected if found[key] != expected[key]}
    assert {key: expected[key] for key in wrong if key not in known} == {
        key: outcome for key, outcome in wrong.items() if key not in known
    }
    assert set(known) <= set(wrong), "What was known to differ no longer does: strike it from OPEN."


def check_today(engine: TinyEngine, known: dict[str, str]) -> None:
    """The items as they stand say what the ledger says, but for what only invoices can tell."""
    told_by_invoices = [case for case in CASES if case.key in {"mrr.basis", "metered", *known}]
    assert disagreeing(engine) <= {name for case in told_by_invoices for name in case.customers}
