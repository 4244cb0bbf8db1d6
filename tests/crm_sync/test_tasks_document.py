"""docs/tasks.md says what the code does."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from crm_sync.task_rules import KEYS, read_task_rules
from crm_sync.task_texts import PLACEHOLDERS
from crm_sync.task_writes import SETTLING
from crm_sync.tasks import ASSIGNEES, LONGEST_DUE, PRIORITIES, SEVERITIES, TYPES
from saaskpi.settings import TaskSettings

TEXT = (Path(__file__).parents[2] / "docs" / "tasks.md").read_text(encoding="utf-8")


def test_the_example_is_read_as_it_stands() -> None:
    (declared,) = re.findall(r"```toml\n(.+?)```", TEXT, flags=re.S)
    tasks = TaskSettings(**tomllib.loads(declared)["tasks"])
    rules = {rule.flag: rule for rule in read_task_rules(tasks.rules)}
    assert rules["silent"].owner == "fallback"
    assert not rules["annual_offer"].enabled
    assert tasks.cooldown_days == TaskSettings().cooldown_days
    assert tasks.link == "https://bi.example/accounts/{account_id}"
    assert tasks.when_over == TaskSettings().when_over


def test_every_key_and_placeholder_has_its_row() -> None:
    rows = re.findall(r"^\| (`[a-z_`, ]+`) \|", TEXT, flags=re.M)
    assert [name for row in rows for name in re.findall(r"`(\w+)`", row)] == list(KEYS)
    shown = dict(re.findall(r"^\| `\{(\w+)\}` \| (.+) \|$", TEXT, flags=re.M))
    assert shown == dict(PLACEHOLDERS)


def test_the_values_are_those_of_the_code() -> None:
    for choices in (SEVERITIES, TYPES, PRIORITIES, ASSIGNEES):
        assert all(f"`{one}`" in TEXT for one in choices)
    assert f"0 to {LONGEST_DUE}" in TEXT
    assert f"{SETTLING.seconds} seconds" in TEXT
