"""What tests of the whole road share: settings for a sandbox, and what reached it."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from saaskpi.pipeline import Pipeline
from saaskpi.settings import HubSpotSettings, Settings, StripeSettings

if TYPE_CHECKING:
    from sandbox import Sandbox

MakeSandbox = Callable[..., "Sandbox"]
MakePipeline = Callable[["Sandbox"], Pipeline]
Begin = Callable[..., tuple["Sandbox", Pipeline]]


def settings_for(sandbox: Sandbox, home: Path) -> Settings:
    """Return settings that point at a sandbox, without rate limits."""
    told = sandbox.describe()
    return Settings(
        home=home,
        as_of=date.fromisoformat(told["today"]),
        stripe=StripeSettings(
            api_base=told["stripe"]["api_base"],
            api_key=SecretStr(told["stripe"]["api_key"]),
            requests_per_second=10_000,
        ),
        hubspot=HubSpotSettings(
            api_base=told["hubspot"]["api_base"],
            access_token=SecretStr(told["hubspot"]["access_token"]),
            requests_per_10_seconds=100_000,
        ),
    )


def ask(sandbox: Sandbox, what: str) -> Any:
    """Return the answer of a control endpoint."""
    with urllib.request.urlopen(f"{sandbox.hubspot_url}/_sandbox/{what}") as answer:
        return json.load(answer)


def write_calls(sandbox: Sandbox) -> list[dict[str, Any]]:
    """Return the write calls that reached the sandbox."""
    return [item for item in ask(sandbox, "requests")["requests"] if item["write"]]


def assert_settled(pipeline: Pipeline) -> None:
    """Read anew what was written: there is nothing more to write. No number is computed again."""
    pipeline.pull()
    assert pipeline.plan().writes_nothing
