"""``saaskpi demo``: the whole product against a simulated Stripe and HubSpot, with no keys.

The simulation runs as a process of its own and is spoken to over HTTP, exactly as the vendors are.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import click
import requests
from pydantic import SecretStr

from saaskpi.cli.base import Context, shared_options
from saaskpi.cli.output import print_lines, print_rows
from saaskpi.cli.show import print_totals
from saaskpi.cli.tokens import audited
from saaskpi.cli.words import applied_lines, next_steps
from saaskpi.columns import ACCOUNTS
from saaskpi.errors import UnavailableError, UsageError
from saaskpi.portfolio import Filter, portfolio
from saaskpi.settings import Settings, UsageSettings, UsageSourceSettings

SANDBOX_REQUESTS_PER_SECOND = 90
"""The simulated Stripe allows 100, as Stripe does in live mode."""
ENV_FILE = "demo.env"
MARKER = "demo.txt"
USAGE_FILE = "usage.jsonl"
CORE_EVENTS = ("workflow_run", "report_created")
"""What counts as real use of the simulated product; logging in does not."""


@click.command(epilog="Example: saaskpi demo --customers 50 --once")
@click.option("--customers", type=click.IntRange(1, 100_000), default=200, show_default=True)
@click.option("--months", type=click.IntRange(1, 120), default=36, show_default=True)
@click.option("--seed", type=int, default=7, show_default=True, help="Same seed, same company.")
@click.option("--once", is_flag=True, help="End after the run instead of keeping the sandbox up.")
@shared_options
def demo(context: Context, customers: int, months: int, seed: int, once: bool) -> None:
    """Run everything against a simulated company.

    Stripe and HubSpot are played by a sandbox over HTTP; no keys are needed.
    """
    settings = context.settings()
    fresh_home(settings.home)
    with context.stages.stage("sandbox") as report:
        server = contextlib.ExitStack()
        sandbox = server.enter_context(_sandbox(customers, months, seed))
        report(f"{customers:,} customers, {months} months of history, today is {sandbox['today']}")
    with server:
        with context.stages.stage("usage") as report:
            report(f"{fetch_usage(settings.home, sandbox):,} bytes of the product's own events")
        pipeline = context.pipeline(pointed_at(settings, sandbox))
        with audited(pipeline.store, "run", "the plan of now") as entry:
            result = pipeline.run()
            entry["plan_hash"] = result.plan.hash
        rows, sums = portfolio(pipeline.accounts(), Filter(), "mrr")
        click.echo("")
        print_rows(rows, ACCOUNTS, "table")
        print_totals(sums, len(rows))
        click.echo("")
        print_lines(applied_lines(result))
        env_file = None if once else write_env(settings.home, sandbox)
        click.echo("")
        print_lines(next_steps(rows, settings.home, env_file))
        if not once:
            _wait()


def fresh_home(home: Path) -> None:
    """Empty the folder of an earlier demo; never touch one that holds real numbers.

    Raises:
        UsageError: the folder holds something else.
    """
    if (home / MARKER).exists():
        shutil.rmtree(home)
    if home.exists() and any(home.iterdir()):
        raise UsageError(
            f"{home} holds numbers that are not the demo's.",
            hint="Give the demo a folder of its own: saaskpi demo --home demo",
        )
    try:
        home.mkdir(parents=True, exist_ok=True)
        (home / MARKER).write_text(
            "This folder holds the simulated numbers of saaskpi demo.\n", encoding="utf-8"
        )
    except OSError as error:
        raise UsageError(f"{home} cannot be written: {error.strerror}.") from None


def pointed_at(settings: Settings, sandbox: Mapping[str, Any]) -> Settings:
    """Return the settings with both APIs, keys and today's date taken from a running sandbox.

    Args:
        settings: the person's own settings (home, language, policy are kept).
        sandbox: the JSON line that ``python -m sandbox`` prints.
    """
    stripe, hubspot = sandbox["stripe"], sandbox["hubspot"]
    usage = UsageSettings(
        sources=[UsageSourceSettings(file=settings.home / USAGE_FILE)], core_events=list(CORE_EVENTS)
    )
    return settings.model_copy(
        update={
            "as_of": date.fromisoformat(sandbox["today"]),
            "usage": usage,
            "stripe": settings.stripe.model_copy(
                update={
                    "api_base": stripe["api_base"],
                    "api_key": SecretStr(stripe["api_key"]),
                    "requests_per_second": SANDBOX_REQUESTS_PER_SECOND,
                }
            ),
            "hubspot": settings.hubspot.model_copy(
                update={"api_base": hubspot["api_base"], "access_token": SecretStr(hubspot["access_token"])}
            ),
        }
    )


def write_env(home: Path, sandbox: Mapping[str, Any]) -> Path:
    """Write the variables that point a second terminal at the running sandbox; return the file."""
    path = home / ENV_FILE
    variables = {
        "SAASKPI_HOME": home.resolve(),
        "SAASKPI_AS_OF": sandbox["today"],
        "SAASKPI_STRIPE__API_BASE": sandbox["stripe"]["api_base"],
        "STRIPE_API_KEY": sandbox["stripe"]["api_key"],
        "SAASKPI_HUBSPOT__API_BASE": sandbox["hubspot"]["api_base"],
        "HUBSPOT_ACCESS_TOKEN": sandbox["hubspot"]["access_token"],
        "SAASKPI_STRIPE__WEBHOOK_SECRET": sandbox["stripe"]["webhook_secret"],
        "SAASKPI_HUBSPOT__CLIENT_SECRET": sandbox["hubspot"]["client_secret"],
        "SAASKPI_USAGE__SOURCES": json.dumps([{"file": str((home / USAGE_FILE).resolve())}]),
        "SAASKPI_USAGE__CORE_EVENTS": json.dumps(CORE_EVENTS),
    }
    path.write_text(
        "".join(f"export {name}='{value}'\n" for name, value in variables.items()), encoding="utf-8"
    )
    return path


def fetch_usage(home: Path, sandbox: Mapping[str, Any]) -> int:
    """Keep the product's usage events in the home, as a company would export them; return the file's size."""
    address = f"{sandbox['stripe']['api_base']}/_sandbox/usage.jsonl"
    with requests.get(address, stream=True, timeout=60) as answer, (home / USAGE_FILE).open("wb") as file:
        answer.raise_for_status()
        shutil.copyfileobj(answer.raw, file)
        return file.tell()


@contextlib.contextmanager
def _sandbox(customers: int, months: int, seed: int) -> Iterator[dict[str, Any]]:
    command = [sys.executable, "-m", "sandbox", "--customers", str(customers), "--months", str(months)]
    command += ["--seed", str(seed), "--watch-stdin"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(  # noqa: S603  # our own interpreter and module, no text of a person's
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    )
    try:
        line = process.stdout.readline() if process.stdout else ""
        if not line.startswith("{"):
            raise UnavailableError(
                "The sandbox did not start.", hint="See why with: python -m sandbox --customers 5"
            )
        yield json.loads(line)
    finally:
        process.terminate()
        process.communicate(timeout=20)


def _wait() -> None:
    click.echo("The sandbox stays up; press Ctrl-C to end.")
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            time.sleep(3600)


COMMANDS = (demo,)
