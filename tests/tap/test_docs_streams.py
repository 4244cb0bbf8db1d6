"""docs/streams.md and meltano.yml say what the tap has."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from connectors.hubspot import streams as hubspot
from connectors.streams import ApiStream
from connectors.stripe import streams as stripe
from tap_saaskpi import kpi_streams as kpi
from tap_saaskpi.tap import SECRETS, SETTINGS, SOURCES

ROOT = Path(__file__).parents[2]
STREAMS: tuple[type[ApiStream[Any]], ...] = (*stripe.STREAMS, *hubspot.STREAMS, *kpi.STREAMS)


def row(stream: type[ApiStream[Any]]) -> str:
    """The line of the table about a stream."""
    keys = ", ".join(f"`{key}`" for key in stream.keys)
    replicated_by = f"`{stream.replicated_by}`" if stream.replicated_by else "-"
    holds = (stream.__doc__ or "").strip().splitlines()[0].removesuffix(".")
    return f"| `{stream.name}` | {keys} | {replicated_by} | {holds} |"


@pytest.mark.parametrize(
    "source", [stripe.STREAMS, hubspot.STREAMS, kpi.STREAMS], ids=["stripe", "hubspot", "kpi"]
)
def test_the_tables_are_those_of_the_declarations(source: tuple[type[ApiStream[Any]], ...]) -> None:
    table = "\n".join(sorted(row(stream) for stream in source))
    assert table in (ROOT / "docs" / "streams.md").read_text(), f"docs/streams.md should hold:\n{table}"


def test_no_stream_is_documented_that_does_not_exist() -> None:
    lines = (ROOT / "docs" / "streams.md").read_text().splitlines()
    documented = {line.split("`")[1] for line in lines if line.startswith("| `")}
    settings = set(SETTINGS.to_dict()["properties"])
    assert documented - settings == {stream.name for stream in STREAMS}
    assert documented >= settings


def test_meltano_knows_every_setting_and_which_are_sensitive() -> None:
    project = import_module("yaml").safe_load((ROOT / "meltano.yml").read_text())
    (extractor,) = project["plugins"]["extractors"]
    settings = {setting["name"]: setting for setting in extractor["settings"]}
    assert set(settings) == set(SETTINGS.to_dict()["properties"])
    assert {name for name, setting in settings.items() if setting.get("sensitive")} == set(SECRETS)
    assert extractor["settings_group_validation"] == [[source] for source in SOURCES]
    assert extractor["name"] == "tap-saaskpi"
    assert set(extractor["capabilities"]) >= {"catalog", "discover", "state", "about", "stream-maps"}
