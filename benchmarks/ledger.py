"""From invoice lines to marts beside three other ways: ``python -m benchmarks.ledger``.

Every contender runs on the same files in a process of its own, so that its peak memory is its own; the
fastest of ``--runs`` counts. One that fails, or takes longer than ``--timeout`` seconds, says so in its row.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

_ORDER: Final = ("floor", "ours", "cross_join", "pandas")
_HEAD: Final = (
    f"{'subscriptions':>13} {'lines':>11}  {'contender':<11} {'seconds':>8} {'per M lines':>11} "
    f"{'peak MB':>8} {'x floor':>8}"
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one contender did.

    Attributes:
        seconds: from the staged lines to the marts, without starting Python; None if it did not finish.
        peak: resident memory of the whole process, bytes.
        failure: why it did not finish; empty when it did.
        totals: month, currency, MRR and number of the clean accounts.
    """

    seconds: float | None
    peak: int
    failure: str = ""
    totals: pd.DataFrame | None = None


def main() -> None:
    """Write each portfolio, run the contenders on it, print a table."""
    options = _options()
    print(f"{os.cpu_count()} cores; SQL engine: {options.threads} threads, {options.memory_limit}\n")
    print(_HEAD, flush=True)
    with tempfile.TemporaryDirectory(dir=options.directory) as home:
        for size in options.subscriptions:
            folder = Path(home) / str(size)
            lines = _written(size, folder)
            outcomes: dict[str, Outcome] = {}
            for name in sorted(options.contenders, key=_ORDER.index):
                outcomes[name] = _best(name, folder, options)
                print(_row(size, lines, name, outcomes[name], outcomes.get("floor")), flush=True)
            _agree(outcomes)
            shutil.rmtree(folder)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--subscriptions", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--contenders", nargs="+", choices=_ORDER, default=_ORDER)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--memory-limit", default="1GB")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--timeout", type=float, default=600)
    parser.add_argument("--directory", type=Path, help="where the portfolios go: 3 GB for a million")
    return parser.parse_args()


def _written(size: int, folder: Path) -> int:
    """Write a portfolio; return its number of lines.

    In a process of its own: what this one holds when it starts a contender would count as its peak.
    """
    command = [sys.executable, "-m", "benchmarks.portfolio", str(size), str(folder)]
    return int(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def _best(name: str, folder: Path, options: argparse.Namespace) -> Outcome:
    """Run a contender ``--runs`` times; return its fastest run, with the highest peak of all."""
    outcomes = [_run(name, folder, options) for _ in range(options.runs)]
    best = min(outcomes, key=lambda outcome: outcome.seconds or options.timeout)
    return Outcome(best.seconds, max(outcome.peak for outcome in outcomes), best.failure, best.totals)


def _run(name: str, folder: Path, options: argparse.Namespace) -> Outcome:
    totals = folder / f"{name}.totals"
    command = [sys.executable, "-m", "benchmarks.contenders", name, str(folder), str(totals)]
    command += ["--memory-limit", options.memory_limit, "--threads", str(options.threads)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        timer = threading.Timer(options.timeout, process.kill)
        timer.start()
        started = time.monotonic()
        said, failed = process.stdout.read(), process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        timer.cancel()
    peak = usage.ru_maxrss * 1024
    if process.returncode == 0:
        return Outcome(json.loads(said)["seconds"], peak, totals=pd.read_parquet(totals))
    if time.monotonic() - started >= options.timeout:
        return Outcome(None, peak, f"not done after {options.timeout:.0f} s")
    return Outcome(None, peak, (failed.strip().splitlines() or ["no word"])[-1].rpartition("Error: ")[2])


def _row(size: int, lines: int, name: str, outcome: Outcome, floor: Outcome | None) -> str:
    head = f"{size:>13,} {lines:>11,}  {name:<11}"
    if outcome.seconds is None:
        return f"{head} {outcome.failure} ({outcome.peak / 1e6:,.0f} MB peak)"
    ratio = f"{outcome.seconds / floor.seconds:.2f}" if floor and floor.seconds else "-"
    per_million = outcome.seconds / lines * 1e6
    return f"{head} {outcome.seconds:8.2f} {per_million:11.2f} {outcome.peak / 1e6:8,.0f} {ratio:>8}"


def _agree(outcomes: dict[str, Outcome]) -> None:
    """Hold the MRR of clean accounts at every month's end against ours.

    Raises:
        AssertionError: they differ by more than rounding. A yearly price is rounded once to a month's, half
            to even by us and half away from zero by the others: one minor unit an account at most.
    """
    found = {name: outcome.totals for name, outcome in outcomes.items() if outcome.totals is not None}
    if "ours" not in found:
        return
    keys = ["month", "currency"]
    for name, totals in found.items():
        both = found["ours"].merge(totals, on=keys, how="outer", suffixes=("", "_other")).fillna(0)
        off = both[(both["mrr"] - both["mrr_other"]).abs() > both["accounts"]]
        assert off.empty, f"{name} and ours differ:\n{off.to_string()}"
    months = int(found["ours"]["accounts"].sum())
    print(f"{'':>27}the same MRR in {months:,} months of clean accounts\n", flush=True)


if __name__ == "__main__":
    main()
