"""Time and peak memory of each stage: ``python -m benchmarks.whole_run --customers 10000``.

Each stage runs as a process of its own against a sandbox that is a process of its own, so that a stage's
peak is its own. A second ``run`` at the end must make no write call.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

STAGES = ("pull", "enrich", "plan", "apply", "run")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--customers", type=int, default=10_000)
    parser.add_argument("--months", type=int, default=36)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rate-limits", action="store_true", help="as the vendors' own; otherwise none")
    options = parser.parse_args()
    command = [sys.executable, "-m", "sandbox", "--customers", str(options.customers), "--watch-stdin"]
    command += ["--months", str(options.months), "--seed", str(options.seed)]
    command += [] if options.rate_limits else ["--no-rate-limits"]
    started = time.monotonic()
    with (
        tempfile.TemporaryDirectory() as home,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server,
    ):
        assert server.stdout
        sandbox = json.loads(server.stdout.readline())
        print(f"{'sandbox':<8} {time.monotonic() - started:8.1f} s   (a process of its own)", flush=True)
        environment = variables(sandbox, Path(home), unlimited=not options.rate_limits)
        total = 0.0
        for stage in STAGES:
            writes = len(written(sandbox))
            seconds, peak, code = measured([sys.executable, "-m", "saaskpi", stage, "--json"], environment)
            total += seconds if stage in ("pull", "enrich", "apply") else 0
            made = len(written(sandbox)) - writes
            print(
                f"{stage:<8} {seconds:8.1f} s  {peak / 1024:8.0f} MB peak  {made:6} write calls  exit {code}",
                flush=True,
            )
            if code:
                sys.exit(f"{stage} failed: the figures are of no use")
        print(f"pull, enrich and apply: {total:.1f} s for {options.customers:,} customers")
        server.terminate()


def variables(sandbox: dict[str, Any], home: Path, *, unlimited: bool) -> dict[str, str]:
    """Return an environment that points saaskpi at a sandbox."""
    limits = {
        "SAASKPI_STRIPE__REQUESTS_PER_SECOND": "10000",
        "SAASKPI_HUBSPOT__REQUESTS_PER_10_SECONDS": "100000",
    }
    # The first run of a large company opens more tasks than a person would let through unseen.
    unguarded = {f"SAASKPI_GUARDS__{name}": "100000" for name in ("MAX_TASKS", "MAX_TASKS_PER_OWNER")}
    return {
        **os.environ,
        **unguarded,
        "SAASKPI_HOME": str(home),
        "SAASKPI_AS_OF": sandbox["today"],
        "SAASKPI_STRIPE__API_BASE": sandbox["stripe"]["api_base"],
        "STRIPE_API_KEY": sandbox["stripe"]["api_key"],
        "SAASKPI_HUBSPOT__API_BASE": sandbox["hubspot"]["api_base"],
        "HUBSPOT_ACCESS_TOKEN": sandbox["hubspot"]["access_token"],
        **(limits if unlimited else {}),
    }


def measured(command: list[str], environment: dict[str, str]) -> tuple[float, int, int]:
    """Run a command; return seconds, peak resident KiB and exit code."""
    started = time.monotonic()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return time.monotonic() - started, usage.ru_maxrss, process.returncode


def written(sandbox: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the write calls that the sandbox has logged."""
    with urllib.request.urlopen(f"{sandbox['hubspot']['api_base']}/_sandbox/requests") as answer:
        return [item for item in json.load(answer)["requests"] if item["write"]]


if __name__ == "__main__":
    main()
