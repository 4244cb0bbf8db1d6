"""How well the score foretells churn in simulated companies: ``python -m benchmarks.foretell --seeds 1-10``.

For every seed a company in which use and satisfaction decide who leaves, and one in which chance alone does.
Each is served by the sandbox over HTTP, pulled by the tap, and backtested by the command line, as a user
would. In the first the score should work; in the second it must say that it does not.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.whole_run import variables

CORE_EVENTS: Final = ["workflow_run", "report_created"]
_HEAD: Final = (
    f"{'seed':>4} {'causes':<6} {'churns':>6}  {'AUC':>5} {'95 % CI':<14} {'lift':>5} {'lead':>6}  verdict"
)


def main() -> None:
    options = _options()
    first, _, last = options.seeds.partition("-")
    print(_HEAD, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(int(first), int(last or first) + 1):
            for causes in options.causes:
                home = Path(folder) / f"{seed}-{causes}"
                report = backtested(seed, options.customers, options.months, home, causes=causes)
                print(_row(seed, report, causes=causes), flush=True)
                if options.keep:
                    name = f"{seed}-{'causes' if causes else 'chance'}.json"
                    (options.keep / name).write_text(json.dumps(report, indent=2), encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", default="1-10", help="for instance 7 or 1-10")
    parser.add_argument("--customers", type=int, default=300)
    parser.add_argument("--months", type=int, default=36)
    parser.add_argument(
        "--only",
        dest="causes",
        choices=("causes", "chance"),
        type=str,
        help="one of the two kinds of companies; both without it",
    )
    parser.add_argument("--keep", type=Path, help="folder for the whole reports, as JSON")
    options = parser.parse_args()
    options.causes = {"causes": (True,), "chance": (False,)}.get(options.causes, (True, False))
    return options


def backtested(seed: int, customers: int, months: int, home: Path, *, causes: bool) -> dict[str, Any]:
    """Simulate, pull and backtest one company; return the report as the command prints it."""
    command = [sys.executable, "-m", "sandbox", "--customers", str(customers), "--months", str(months)]
    command += [
        "--seed",
        str(seed),
        "--watch-stdin",
        "--no-rate-limits",
        *([] if causes else ["--no-causes"]),
    ]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        assert server.stdout
        sandbox = json.loads(server.stdout.readline())
        home.mkdir(parents=True)
        events = home / "usage.jsonl"
        urllib.request.urlretrieve(f"{sandbox['stripe']['api_base']}/_sandbox/usage.jsonl", events)
        environment = variables(sandbox, home, unlimited=True) | {
            "SAASKPI_USAGE__SOURCES": json.dumps([{"file": str(events)}]),
            "SAASKPI_USAGE__CORE_EVENTS": json.dumps(CORE_EVENTS),
        }
        list(_saaskpi(environment, ["pull", "--json"], ["enrich", "--json"]))
        server.terminate()
    report: dict[str, Any] = json.loads(next(_saaskpi(environment, ["backtest", "--format", "json"])))
    return report


def _saaskpi(environment: dict[str, str], *commands: Sequence[str]) -> Iterator[str]:
    for command in commands:
        done = subprocess.run(
            [sys.executable, "-m", "saaskpi", *command], env=environment, capture_output=True, text=True
        )
        if done.returncode:
            raise SystemExit(done.stderr)
        yield done.stdout


def _row(seed: int, report: dict[str, Any], *, causes: bool) -> str:
    low, high = report["auc"]["interval"] or (float("nan"), float("nan"))
    lead = report["lead"]["median_days"]
    kind = "yes" if causes else "chance"
    return (
        f"{seed:>4} {kind:<6} {report['events']:>6}  {_figure(report['auc']['value'])} "
        f"{f'{low:.2f} - {high:.2f}':<14} {_figure(report['top_decile_lift'])} "
        f"{'-' if lead is None else f'{lead:.0f} d':>6}  {report['verdict']['title']}"
    )


def _figure(value: float | None) -> str:
    return f"{'-' if value is None else f'{value:.2f}':>5}"


if __name__ == "__main__":
    main()
