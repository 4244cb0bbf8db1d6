"""``saaskpi policy show`` and ``policy diff``: what is in effect and what a preset does differently."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from enrichment.policy import KEYS, Policy
from enrichment.presets import PRESETS, preset
from saaskpi.cli import cli
from tests.support.cli import CommandLine


def run(*args: str, toml: str = "") -> Result:
    Path("saaskpi.toml").write_text(toml, encoding="utf-8")
    return CliRunner().invoke(cli, ["policy", *args], catch_exceptions=False)


def test_show_lists_every_key_with_its_choice_and_meaning() -> None:
    shown = run("show")
    assert shown.exit_code == 0
    lines = shown.output.splitlines()
    for key, value in zip(KEYS, Policy().choices().values(), strict=True):
        assert any(line.split()[:3] == [key.name, value, "default"] for line in lines)
    assert "A paused subscription has no MRR but its customer is not lost" in shown.output
    assert Policy().hash in shown.output


def test_show_tells_where_each_choice_comes_from() -> None:
    toml = (
        '[policy]\npreset = "chartmogul"\nrefunds = "ignore"\n[policy.status]\npast_due = "include_days:30"\n'
    )
    told = json.loads(run("show", "--json", toml=toml).output)
    rows = {row["key"]: row for row in told["keys"]}
    assert [row["key"] for row in told["keys"]] == [key.name for key in KEYS]
    assert told["preset"] == "chartmogul"
    assert {key: (rows[key]["value"], rows[key]["origin"]) for key in ("mrr.basis", "refunds", "trials")} == {
        "mrr.basis": ("invoice", "chartmogul"),
        "refunds": ("ignore", "own"),
        "trials": ("exclude", "default"),
    }
    assert rows["status.past_due"]["meaning"].endswith("for 30 days.")
    assert rows["status.past_due"]["choices"][-1] == "include_days:1 to include_days:90"
    assert (
        told["hash"]
        == Policy.from_settings(
            {"preset": "chartmogul", "refunds": "ignore", "status.past_due": "include_days:30"}
        ).hash
    )


@pytest.mark.parametrize("name", PRESETS)
def test_diff_of_the_default_lists_the_keys_of_the_preset_and_no_other(name: str) -> None:
    told = json.loads(run("diff", name, "--json").output)
    assert (told["preset"], told["hash"], told["preset_hash"]) == (name, Policy().hash, preset(name).hash)
    found = {row["key"]: (row["value"], row["preset_value"], row["source"]) for row in told["differences"]}
    default = Policy().choices()
    assert found == {
        key: (default[key], choice.value, choice.source) for key, choice in PRESETS[name].items()
    }
    for row in told["differences"]:
        assert row["meaning"] != row["preset_meaning"]
        assert row["changes"]
        assert row["reason"]


def test_diff_in_plain_words() -> None:
    shown = run("diff", "gross").output
    assert shown.splitlines() == [
        "Your policy differs from the preset gross in 1 key.",
        "",
        "discounts.forever",
        "  Yours, subtract: A discount that lasts for ever lowers MRR.",
        "  gross, ignore: A discount that lasts for ever leaves MRR alone.",
        "  Changes: MRR, not contract MRR",
        "  Why: Gross MRR is MRR before any discount, as Zuora has it. "
        f"({PRESETS['gross']['discounts.forever'].source})",
    ]


def test_diff_in_french() -> None:
    shown = run("diff", "gross", toml='language = "fr"\n').output
    assert "Une remise permanente ne change pas le MRR." in shown
    assert "Pourquoi\u00a0: Le MRR brut" in shown


def test_diff_of_what_is_your_own_has_no_source() -> None:
    toml = '[policy]\npreset = "stripe"\ncalendar = "Asia/Tokyo"\n'
    (row,) = json.loads(run("diff", "stripe", "--json", toml=toml).output)["differences"]
    assert (row["key"], row["value"], row["preset_value"]) == ("calendar", "Asia/Tokyo", "UTC")
    assert (row["reason"], row["source"]) == (None, None)


def test_no_difference_is_said() -> None:
    assert run("diff", "stripe", toml='[policy]\npreset = "stripe"\n').output == (
        "Your policy and the preset stripe make the same choices.\n"
    )
    assert json.loads(run("diff", "default", "--json").output)["differences"] == []


@pytest.mark.parametrize("command", ["show", "diff"])
def test_help_has_an_example(command: str) -> None:
    shown = run(command, "--help").output
    assert f"Example: saaskpi policy {command}" in shown


def test_an_unknown_preset_is_named_with_those_there_are() -> None:
    refused = run("diff", "baremetrics")
    assert refused.exit_code == 2
    for name in PRESETS:
        assert name in refused.output


def test_a_wrong_policy_is_one_clear_line(saaskpi: CommandLine) -> None:
    Path("saaskpi.toml").write_text('[policy]\nmetered = "trailing"\n', encoding="utf-8")
    ended = saaskpi("policy", "show")
    assert ended.code == 2
    assert ended.err == (
        "Error: The policy's metered cannot be 'trailing'. "
        "Choose from: exclude, last_invoice, trailing_avg_months:1 to trailing_avg_months:24.\n"
    )


def test_the_real_command_reads_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAASKPI_POLICY__PRESET", "stripe")
    monkeypatch.setenv("SAASKPI_POLICY__INTERVAL__WEEK", "4.33")
    command = Path(sys.executable).with_name("saaskpi")
    done = subprocess.run([command, "policy", "show", "--json"], capture_output=True, text=True, check=True)
    rows = {row["key"]: (row["value"], row["origin"]) for row in json.loads(done.stdout)["keys"]}
    assert rows["interval.week"] == ("4.33", "own")
    assert rows["fx.mode"] == ("daily_revalue", "stripe")


def test_nothing_heavy_is_imported_to_show_the_policy() -> None:
    code = (
        "import sys; sys.argv = ['saaskpi', 'policy', 'show']\n"
        "from saaskpi.cli import main\n"
        "try:\n    main()\nfinally:\n"
        "    assert not {'pandas', 'duckdb', 'numpy'} & set(sys.modules), 'heavy'\n"
    )
    subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
