"""What ``docs/health.md`` says of flags, rules, tasks and episodes is what the code does."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pandas as pd

from crm_sync.tasks import DEFAULT_RULES, own_rules
from enrichment.health.columns import COLUMNS, Column
from enrichment.health.config import HealthConfig
from enrichment.health.flags import OPPORTUNITY, RISK, RULES, FlagConfig, raise_flags
from enrichment.health.rules import read_rules
from enrichment.health.rules.declaring import MOST_RULES
from enrichment.health.rules.parsing import DEEPEST
from enrichment.health.rules.tokens import MOST_CHARACTERS
from tests.enrichment.facts import facts

TEXT = (Path(__file__).parents[2] / "docs" / "health.md").read_text(encoding="utf-8")
OWN = TEXT[TEXT.index("## Flags of your own") : TEXT.index("### Columns")]


def section(title: str) -> str:
    """Return a chapter up to the next one."""
    _, _, rest = TEXT.partition(f"# {title}\n")
    return re.split(r"^##", rest, maxsplit=1, flags=re.M)[0]


def first_cells(title: str) -> list[str]:
    return re.findall(r"^\| `(\w+)` \|", section(title), flags=re.M)


def test_every_flag_has_its_row() -> None:
    assert first_cells("Risks") == [rule.flag for rule in RULES if rule.kind == RISK]
    assert first_cells("Opportunities") == [rule.flag for rule in RULES if rule.kind == OPPORTUNITY]


def test_every_threshold_has_its_row_with_its_default() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| .+ \|$", section("Thresholds of flags"), flags=re.M)
    assert rows == [(item.name, str(getattr(FlagConfig(), item.name))) for item in fields(FlagConfig)]


def test_the_thresholds_are_those_of_the_text() -> None:
    flags, health = FlagConfig(), HealthConfig()
    risks, chances = section("Risks"), section("Opportunities")
    for text in (
        f"at {flags.usage_drop} % or less",
        f"high from {flags.usage_drop_high} % down",
        f"more than {flags.silent_days} days, or for more than {flags.silent_weekly_days} days",
        f"high from {flags.failed_attempts} attempts or more than {health.cap_past_due_days} days past due",
        f"within {flags.card_days} days",
        f"within {flags.renewal_days} days, and not everything",
        f"medium from {flags.renewal_soon_days} days on; high when red, or when nobody was in touch for "
        f"{flags.untouched_days} days",
        f"MRR fell by {flags.contraction} % or more",
        f"paid seats fell by {flags.seats_lost} %",
        f"high from {flags.contraction_high} % of MRR on",
        f"nobody engaged in {health.touch_days} days",
        f"within {health.survey_days} days is {flags.nps_low} or less, or {flags.nps_drop} points lower",
        f"high from {flags.nps_very_low} down",
        f"{flags.tickets} or more tickets in {health.ticket_days} days",
        f"open for more than {health.ticket_old_days} days",
    ):
        assert text in risks, text
    for text in (
        f"used in {flags.limit_months} of the last three windows",
        f"up by {flags.seat_growth} % and by {flags.seat_growth_seats} seats",
        f"up in {flags.expansion_months} of the last three months, and by {flags.expansion} %",
        f"score {flags.annual_score} or more",
        f"moved within {flags.moved_days} days",
        f"mean NPS of {flags.advocate_nps} or more, score {flags.advocate_score} or more, customer for "
        f"{flags.advocate_days} days",
    ):
        assert text in chances, text


def test_every_column_has_its_row() -> None:
    rows = [line for line in section("Columns").splitlines() if line.startswith("| `")]
    assert rows == [f"| `{name}` | {column.kind} | {_meaning(column)} |" for name, column in COLUMNS.items()]


def _meaning(column: Column) -> str:
    choices = f": {', '.join(column.choices)}" if column.choices else ""
    return column.meaning + choices + (f", in `{column.currency}`" if column.currency else "")


def test_the_rule_of_the_text_says_what_the_text_says() -> None:
    (declared,) = re.findall(r"```toml\n(.+?)```", OWN, flags=re.S)
    rules = read_rules(tomllib.loads(declared)["flags"])
    changes = {"mrr": 100_000, "mrr_90": 100_000, "mrr_180": 100_000, "days_since_touch": 75, "tickets": 0}
    health = pd.DataFrame({"account_id": ["acct_0"], "health_score": [70], "health_band": ["yellow"]})
    found = raise_flags(facts(changes), health, HealthConfig(), rules)
    assert found["flag"].tolist() == ["big_and_quiet"]
    assert f"> {found['evidence_en'][0]}\n" in OWN


def test_the_limits_of_the_text_are_those_of_the_code() -> None:
    assert f"{MOST_CHARACTERS:,} characters at most and {DEEPEST} levels" in OWN
    assert f"{MOST_RULES} flags of one's own" in OWN


def test_every_task_has_its_row() -> None:
    kinds = pd.DataFrame({"flag": ["a", "b"], "kind": [RISK, OPPORTUNITY]})
    names = [f"`{rule.flag}`" for rule in DEFAULT_RULES] + [
        "of your own, a risk",
        "of your own, an opportunity",
    ]
    rows = [line for line in section("Tasks").splitlines() if line.startswith(("| `", "| of your"))]
    assert rows == [
        f"| {name} | {rule.min_severity} | {rule.due_in} | {rule.type} | {rule.priority} |"
        for name, rule in zip(names, (*DEFAULT_RULES, *own_rules(kinds)), strict=True)
    ]


def test_the_cool_down_of_the_text_is_the_default() -> None:
    assert f"within {HealthConfig().cooldown_days} days (`cooldown_days`)" in section("Episodes")
