"""``docs/backtest.md`` says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from enrichment.backtest.snapshots import LEAST_DAYS
from enrichment.backtest.statistics import DRAWS
from enrichment.backtest.suggestion import LEAST_EVENTS as LEAST_FOR_WEIGHTS
from enrichment.backtest.verdict import ENOUGH_EVENTS, LEAST_EVENTS, VERDICTS
from enrichment.messages import say
from saaskpi.backtest.tables.lives import FACTS
from saaskpi.backtest.tables.mapping import LIVES, SNAPSHOTS, TERMS, read_mapping

TEXT = (Path(__file__).parents[2] / "docs" / "backtest.md").read_text(encoding="utf-8")
MAPPINGS = sorted((Path(__file__).parents[1] / "backtest_data").glob("*.toml"))


def test_every_verdict_and_threshold_is_told() -> None:
    for key in VERDICTS:
        assert f"| {say(f'backtest.title.{key}').text('en')} |" in TEXT
    assert f"| fewer than {LEAST_EVENTS} churns |" in TEXT
    assert f"| {LEAST_EVENTS} to {ENOUGH_EVENTS - 1} |" in TEXT
    assert f"at\nleast {LEAST_DAYS} days" in TEXT
    assert f"{DRAWS} bootstrap samples" in TEXT
    assert f"From {LEAST_FOR_WEIGHTS} churns on" in TEXT


def test_every_form_and_its_facts_are_told() -> None:
    for form in (SNAPSHOTS, LIVES, TERMS):
        assert f"| `{form}` |" in TEXT
    assert f"may have {', '.join(f'`{name}`' for name in FACTS)} |" in TEXT


def test_the_mapping_shown_is_one_that_is_read(tmp_path: Path) -> None:
    found = re.search(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    assert found is not None
    path = tmp_path / "mapping.toml"
    path.write_text(found[1], encoding="utf-8")
    mapping = read_mapping(path)
    assert mapping.rows == TERMS
    assert mapping.columns["core_events"].columns == ("reports", "exports")
    assert mapping.events.core == ("report",)


@pytest.mark.parametrize("path", MAPPINGS, ids=lambda path: path.stem)
def test_every_mapping_of_the_tests_is_told(path: Path) -> None:
    read_mapping(path)
    assert f"| `{path.stem}` |" in TEXT
