"""The tap's command line: complete about itself, and one clear line when it cannot work."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from tap_saaskpi.tap import SECRETS, SETTINGS, TapSaaskpi

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandbox import Sandbox

    Run = Callable[..., Result]

KEY = "sk_test_canary_4242"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs the command with a config; its logging is that of the test."""

    def invoke(config: Any, *arguments: str) -> Result:
        file = tmp_path / "config.json"
        file.write_text(config if isinstance(config, str) else json.dumps(config))
        return CliRunner().invoke(TapSaaskpi.get_singer_command(), ["--config", str(file), *arguments])

    return invoke


def test_about_describes_the_tap_in_one_sentence() -> None:
    about = json.loads(CliRunner().invoke(TapSaaskpi.cli, ["--about", "--format", "json"]).stdout)
    assert (
        about["description"]
        == "Reads Stripe, HubSpot and what saaskpi computed from them: MRR, key figures, health and flags."
    )


def test_about_tells_every_setting_and_which_are_secret() -> None:
    own = SETTINGS.to_dict()["properties"]
    for name, setting in own.items():
        assert setting["description"].endswith("."), name
        assert setting["title"], name
        assert bool(setting.get("secret")) is (name in SECRETS), name
    for form in ("json", "markdown", None):
        arguments = ["--about", *(["--format", form] if form else [])]
        told = CliRunner().invoke(TapSaaskpi.get_singer_command(), arguments)
        assert told.exit_code == 0
        assert all(name in told.stdout for name in own)


def test_discover_needs_no_more_than_a_key(run: Run) -> None:
    told = run({"stripe_api_key": KEY}, "--discover")
    catalog = json.loads(told.stdout)
    streams = {entry["tap_stream_id"]: entry for entry in catalog["streams"]}
    assert len(streams) == 16
    assert streams["stripe_invoices"]["key_properties"] == ["id"]
    assert streams["stripe_invoices"]["replication_key"] == "created"
    assert all(name.startswith("stripe_") for name in streams)


def test_the_connection_test_reads_one_record_of_each_stream(
    sandbox: Sandbox, run: Run, settings_for: Any
) -> None:
    told = run(settings_for(sandbox), "--test")
    assert told.exit_code == 0, told.stderr[-500:]
    messages = [json.loads(line) for line in told.stdout.splitlines()]
    assert {message["stream"] for message in messages if message["type"] == "RECORD"} > {
        "stripe_subscriptions",
        "stripe_subscription_items",
        "hubspot_associations",
    }


def _last_lines(told: Result) -> list[str]:
    return [line for line in told.stderr.splitlines() if line.startswith("tap-saaskpi: ")]


@pytest.mark.parametrize(
    "config, words",
    [
        ({}, "Neither stripe_api_key, hubspot_access_token nor kpi_home is set"),
        ('{"stripe_api_key"', "no JSON object"),
        ([1], "no JSON object"),
        ({"stripe_api_key": KEY, "stripe_api_base": "nowhere"}, "'nowhere' is not an address"),
        ({"stripe_api_key": f"{KEY} oops"}, "The Stripe key contains characters that no key has"),
    ],
)
@pytest.mark.parametrize("command", [[], ["--test"]])
def test_a_broken_config_is_one_line(run: Run, config: Any, words: str, command: list[str]) -> None:
    told = run(config, *command)
    assert told.exit_code == 1
    assert "Traceback" not in told.output
    assert KEY not in told.output
    assert words in told.stderr
    assert told.stderr.count(words) == 1


def test_a_key_of_the_wrong_type_is_not_shown(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    told = run({"stripe_api_key": [KEY]})
    assert told.exit_code == 1
    assert KEY not in told.output + caplog.text


def test_a_closed_port_is_one_line(run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{taken.getsockname()[1]}"
    told = run({"hubspot_access_token": KEY, "hubspot_api_base": base})
    assert told.exit_code == 1
    assert len(_last_lines(told)) == 1
    assert "the connection was refused" in told.stderr
    assert "hubspot.api_base" in told.stderr
    assert KEY not in told.output


def test_a_refused_key_is_one_line(sandbox: Sandbox, run: Run, settings_for: Any) -> None:
    told = run(settings_for(sandbox, hubspot_access_token=KEY))
    assert told.exit_code == 1
    assert _last_lines(told) == [
        f"tap-saaskpi: HubSpot at {sandbox.hubspot_url.removeprefix('http://')} refused the key (401). Check "
        "the HubSpot access token (HUBSPOT_ACCESS_TOKEN; hubspot_access_token in the tap's config)."
    ]
    assert "Traceback" not in told.output


def test_a_missing_config_file_is_one_line() -> None:
    told = CliRunner().invoke(TapSaaskpi.get_singer_command(), ["--config", "/nowhere.json"])
    assert told.exit_code == 1
    assert told.stderr == "tap-saaskpi: File at '/nowhere.json' was not found.\n"
