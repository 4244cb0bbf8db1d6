"""``docs/kpis.md`` says what the catalogue says."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from enrichment.kpis.catalogue import CATALOGUE
from enrichment.kpis.funnel import STEPS
from enrichment.kpis.kpi import Grain, Kpi
from enrichment.policy import Policy

TEXT = (Path(__file__).parents[2] / "docs" / "kpis.md").read_text(encoding="utf-8")
TABLE = TEXT[TEXT.index("| name |") : TEXT.index("## Movements")].strip().splitlines()[2:]
GRAINS: dict[Grain, str] = {
    "segment_month": "month",
    "account_month": "account and month",
    "account": "account",
    "cohort_month": "cohort and month",
    "funnel_step": "funnel step",
}


def line(kpi: Kpi) -> str:
    exists = ", ".join(GRAINS[grain] for grain in kpi.grain)
    crm = f"`{kpi.crm_property}`" if kpi.crm_property else "-"
    cells = (f"`{kpi.id}`", kpi.label_en, kpi.formula, kpi.unit, exists, kpi.additive, kpi.better, crm)
    return f"| {' | '.join(cells)} |"


def test_the_table_is_the_catalogue() -> None:
    assert [line(kpi) for kpi in CATALOGUE] == TABLE


@pytest.mark.parametrize("step", STEPS)
def test_each_step_of_the_funnel_is_said(step: str) -> None:
    assert f"\n| {step} | " in TEXT


@pytest.mark.parametrize("name", ["ltv_method", "trial_conversion"])
def test_the_choices_of_a_key_are_all_said(name: str) -> None:
    key = next(item.metadata for item in fields(Policy) if item.name == name)
    assert f"`{key['key']}`" in TEXT
    assert all(f"| `{choice}` |" in TEXT for choice in key["choices"])
