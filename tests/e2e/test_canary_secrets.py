"""Unmistakable secrets in settings and environment: none is in any log, error, file, store or answer."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from saaskpi.settings import load
from tests.support.cli import CommandLine

if TYPE_CHECKING:
    from sandbox import Sandbox

CANARIES = {
    "SAASKPI_STRIPE__WEBHOOK_SECRET": "whsec_CanaryAlpha0123456789,whsec_CanaryBravo0123456789",
    "SAASKPI_HUBSPOT__CLIENT_SECRET": "canary-charlie-0123456789",
    "SAASKPI_ALERTS__WEBHOOK_URL": "http://127.0.0.1:9/hooks/canary-delta-0123456789",
    "SAASKPI_ALERTS__SMTP_PASSWORD": "canary echo+0123/456789",
}
PARTS = (
    "CanaryAlpha",
    "CanaryBravo",
    "canary-charlie",
    "canary-delta",
    "canary echo",
    "canary%20echo",
    "canary+echo",
)
WRONG_STRIPE, WRONG_HUBSPOT = "sk_live_CanaryFoxtrot0123456789", "pat-na1-canary-golf-0123456789"
WRONG_URL = "postgresql+psycopg://kpi:canary-hotel-0123@127.0.0.1:9/kpi"
WRONG = ("CanaryFoxtrot", "canary-golf", "canary-hotel")


@pytest.fixture
def environment(make_sandbox: Callable[..., Sandbox], tmp_path: Path) -> dict[str, str]:
    told = make_sandbox().describe()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SAASKPI_", "STRIPE_"))}
    return {
        **kept,
        **CANARIES,
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "SAASKPI_HOME": str(tmp_path / "home"),
        "SAASKPI_ALERTS__EMAIL_TO": '["ops@example.com"]',
        "SAASKPI_ALERTS__SMTP_PORT": "9",
        "SAASKPI_ALERTS__SMTP_HOST": "127.0.0.1",
        "SAASKPI_STRIPE__API_BASE": told["stripe"]["api_base"],
        "SAASKPI_HUBSPOT__API_BASE": told["hubspot"]["api_base"],
        "STRIPE_API_KEY": told["stripe"]["api_key"],
        "HUBSPOT_ACCESS_TOKEN": told["hubspot"]["access_token"],
    }


class Commands:
    """Runs commands in this process with an environment of their own."""

    def __init__(
        self, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self._environment = environment
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *args: str, **change: str) -> str:
        """Run one; return all that it says."""
        with self._monkeypatch.context() as patched:
            for name, value in {**self._environment, **change}.items():
                patched.setenv(name, value)
            ended = CommandLine(patched, self._capsys)(*args)
        return f"{ended.out}\n{ended.err}"


def serve(environment: dict[str, str], folder: Path) -> Iterator[str]:
    """Ask a server what it should refuse; return its answers and its log."""
    command = [sys.executable, "-m", "saaskpi", "serve", "--port", "0", "--log-format", "json"]
    with subprocess.Popen(
        command, env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout
        base = server.stdout.readline().split()[2].rstrip(";")
        threading.Thread(target=server.stdout.read, daemon=True).start()
        signed = {"Stripe-Signature": "t=1,v1=" + "0" * 64, "Authorization": f"Bearer {WRONG_HUBSPOT}"}
        for path in ("stripe", "hubspot", "usage", "nowhere"):
            for _ in range(22):
                answer = requests.post(f"{base}/webhooks/{path}", data=b"{}", headers=signed, timeout=20)
            yield f"{answer.headers} {answer.text}"
        for path in ("/healthz", "/readyz", "/metrics", "/api/v1/accounts"):
            answer = requests.get(f"{base}{path}", headers=signed, timeout=20)
            yield f"{answer.headers} {answer.text}"
        time.sleep(1)
        server.terminate()
        assert server.stderr
        yield server.stderr.read()


def everything_below(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield path.read_bytes().decode("utf-8", "replace")
        if path.name == "saaskpi.db":
            with sqlite3.connect(path) as connection:
                yield "\n".join(connection.iterdump())


@pytest.mark.slow
def test_no_secret_is_ever_written_or_said(
    environment: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    keys = (environment["STRIPE_API_KEY"], environment["HUBSPOT_ACCESS_TOKEN"])
    run = Commands(environment, monkeypatch, capsys)
    said = [run("--log-format", "json", "run"), run("pull"), run("check"), run("plan", "-o", "plan.json")]
    assert '"event": "stage"' in said[0]
    assert "records of" in said[1]
    said += serve(environment, tmp_path)
    refused: list[dict[str, Any]] = [
        {"STRIPE_API_KEY": WRONG_STRIPE},
        {"HUBSPOT_ACCESS_TOKEN": WRONG_HUBSPOT},
        {"SAASKPI_STORE__URL": WRONG_URL},
        {"SAASKPI_STRIPE__API_BASE": "http://127.0.0.1:9"},
        {"SAASKPI_STRIPE__REQUESTS_PER_SECOND": WRONG_STRIPE},
        {"SAASKPI_HUBSPOT__NO_SUCH": WRONG_HUBSPOT},
        {"SAASKPI_ALERTS__WEBHOOK_URL": "http://canary-delta.example/canary-hotel-0123"},
    ]
    for change in refused[:4]:
        monkeypatch.setattr("time.sleep", lambda seconds: None)  # between tries
        said += [run("check", **change), run("--log-format", "json", "pull", **change)]
        monkeypatch.undo()
        monkeypatch.chdir(tmp_path)
    said += [run("enrich", **change) for change in refused[4:]]
    (tmp_path / "saaskpi.toml").write_text(f'[stripe]\napi_key = "{WRONG_STRIPE}\n', "utf-8")
    said.append(run("check"))
    (tmp_path / "saaskpi.toml").unlink()

    text = "\n".join([*said, *everything_below(tmp_path)])
    found = [secret for secret in (*PARTS, *WRONG, *keys) if secret in text]
    where = {secret: [one[:300] for one in said if secret in one] for secret in found}
    assert not found, where


def test_no_repr_of_the_settings_shows_one(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = load()
    text = f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    assert [part for part in (*PARTS, environment["STRIPE_API_KEY"]) if part in text] == []
    assert len(settings.secrets()) >= 6
