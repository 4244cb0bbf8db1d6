"""``saaskpi calc``: the calculator that needs no data."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from enrichment.kpis.catalogue import KPIS
from enrichment.kpis.formulas import Facts
from enrichment.policy import Policy
from saaskpi.cli.calc import calc, calculate
from saaskpi.errors import UsageError

GIVEN = {"--mrr": "50000", "--new-customers": "10", "--customers-start": "200", "--customers-end": "205"}
DOCS = (Path(__file__).parents[2] / "docs" / "kpis.md").read_text(encoding="utf-8")


def call(*more: str, **changes: str) -> Result:
    options = {**GIVEN, **{f"--{name.replace('_', '-')}": text for name, text in changes.items()}}
    return CliRunner().invoke(calc, [part for pair in options.items() for part in pair] + list(more))


def test_the_worked_example() -> None:
    ended = call("--json", avg_retention_months="24")
    assert ended.exit_code == 0
    assert json.loads(ended.stdout) == {
        "mrr": 50000.0,
        "arr": 600000.0,
        "lost_customers": 5,
        "customer_churn_rate": 0.025,
        "retention_rate": 0.975,
        "average_lifetime_months": 40.0,
        "arpa": 243.9,
        "cltv": 5853.66,
    }
    assert json.loads(call("--json").stdout)["cltv"] == 9756.1


def test_the_text_is_the_documents() -> None:
    said = call(avg_retention_months="24").stdout
    for shown in ("600,000.00", "2.50%", "97.50%", "40.0 months", "243.90", "5,853.66"):
        assert shown in said
        assert shown.replace("%", " %") in DOCS
    assert "9,756.10" in call().stdout
    assert "9,756.10" in DOCS


def test_what_cannot_be_told_is_null() -> None:
    told = json.loads(
        call("--json", mrr="0", new_customers="0", customers_start="0", customers_end="0").stdout
    )
    assert told == {"mrr": 0.0, "arr": 0.0, "lost_customers": 0, **dict.fromkeys(list(told)[3:])}
    assert "Customer churn rate" in call(customers_start="0", new_customers="5", customers_end="5").stdout


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"customers_end": "211"}, "211 customers at the end cannot be"),
        ({"customers_end": "0"}, "There is MRR and no customer at the end."),
        ({"mrr": "-1"}, "--mrr cannot be '-1'"),
        ({"mrr": "much"}, "--mrr cannot be 'much'"),
        ({"mrr": "nan"}, "--mrr cannot be 'nan'"),
        ({"mrr": "1e99"}, "--mrr cannot be '1e99'"),
        ({"new_customers": "-10"}, "--new-customers cannot be -10"),
        ({"customers_start": "-1"}, "--customers-start cannot be -1"),
        ({"avg_retention_months": "-24"}, "--avg-retention-months cannot be '-24'"),
    ],
)
def test_impossible_input_is_said(changes: dict[str, str], message: str) -> None:
    error = call(**changes).exception
    assert isinstance(error, UsageError)
    assert error.message.startswith(message)
    assert error.hint


def test_help_has_an_example() -> None:
    said = CliRunner().invoke(calc, ["--help"]).stdout
    assert "Example: saaskpi calc --mrr 50000" in said


@given(st.integers(1, 10**9), st.integers(1, 10**5), st.integers(0, 10**5), st.integers(0, 10**5))
def test_it_is_the_catalogue(mrr: int, end: int, lost: int, new: int) -> None:
    new = min(new, end + lost)
    start = end + lost - new
    told = calculate(Fraction(mrr, 100), new, start, end)
    facts = Facts(
        mrr=mrr,
        customers_start=start,
        new_customers=new,
        lost_customers=lost,
        active_customers=end,
    )
    for name, figure in told.items():
        expected = KPIS[name].value(facts, Policy(ltv_method="arpa_churn"))
        assert figure == (expected / 100 if expected and KPIS[name].unit == "money" else expected)
