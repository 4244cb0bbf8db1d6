"""Half an hour of webhooks with faults on: ``python -m benchmarks.soak --minutes 30 --rate 50``.

A sandbox and ``saaskpi serve`` run as processes of their own. Things happen at the simulated company (failed
payments, upgrades, cancellations); beside the events of those, others arrive about objects that did not
change, some of them twice and in any order, while both vendors answer late, refuse, fail and cut answers.

At the end the faults are switched off and what is waiting is waited for. Then the oracle: a fresh home reads
everything from the same sandbox, computes it, and plans; a right CRM leaves it nothing to write but
``saaskpi_cltv``, which counts with the churn of the last whole run, and the time of writing. After one whole
run of the soaked home not even that may be left.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from benchmarks.whole_run import variables
from sandbox.webhooks import stripe_headers

HAPPENINGS = ("payment_failed", "upgrade", "downgrade", "cancel")
FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "latency", "seconds": 0.1, "probability": 0.2},
    {"kind": "429", "probability": 0.02},
    {"kind": "status", "status": 500, "probability": 0.01},
    {"kind": "cut", "probability": 0.005},
)
SECRET = "whsec_sandbox_tidewater"
LOG = Path(tempfile.gettempdir()) / "saaskpi-soak.log"
REPEATED = 0.3
SAMPLE_SECONDS = 5.0
SETTLE_SECONDS = 900.0
OF_WHOLE_RUNS = {"saaskpi_cltv", "saaskpi_updated_at"}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=50.0, help="events a second")
    parser.add_argument("--customers", type=int, default=300)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    with company(options.customers, options.seed) as told, tempfile.TemporaryDirectory() as home:
        environment = variables(told, Path(home), unlimited=True)
        environment["SAASKPI_STRIPE__WEBHOOK_SECRET"] = SECRET
        command(environment, "run")
        token = command(environment, "tokens", "create", "soak", "--scope", "metrics")["token"]
        with server(environment) as (process, url):
            soak = Soak(told, url, process.pid, token, random.Random(options.seed))
            soak.run(60 * options.minutes, options.rate)
            soak.settle()
        tell(soak)
        left = left_to_write(told, environment)
        command(environment, "run")
        report(left, left_to_write(told, environment))


@contextmanager
def company(customers: int, seed: int) -> Iterator[dict[str, Any]]:
    """A sandbox as a process of its own; gives what it tells of itself."""
    line = [sys.executable, "-m", "sandbox", "--customers", str(customers), "--seed", str(seed)]
    line += ["--months", "12", "--no-rate-limits", "--watch-stdin"]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()


@contextmanager
def server(environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """``saaskpi serve`` on a free port; gives the process and its URL."""
    line = [sys.executable, "-m", "saaskpi", "serve", "--port", "0"]
    with (
        LOG.open("w") as log,
        subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        assert process.stdout
        listening = re.search(r"http://\S+?(?=;|\s|$)", process.stdout.readline())
        assert listening
        threading.Thread(target=process.stdout.read, daemon=True).start()
        try:
            yield process, listening[0]
        finally:
            process.terminate()


def command(environment: dict[str, str], *arguments: str) -> Any:
    """Run ``saaskpi ... --json`` and return what it printed."""
    line = [sys.executable, "-m", "saaskpi", *arguments, "--json"]
    ended = subprocess.run(line, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode in (0, 3), ended.stderr
    return json.loads(ended.stdout)


class Soak:
    """Sends events at a rate, samples the server's memory, and counts the answers."""

    def __init__(self, told: dict[str, Any], url: str, pid: int, token: str, rng: random.Random) -> None:
        self.answers: Counter[int] = Counter()
        self.memory: list[tuple[float, int]] = []
        self.happened: Counter[str] = Counter()
        self.settled_after = 0.0
        self._stripe = told["stripe"]["api_base"]
        self._control = f"{told['stripe']['api_base']}/_sandbox"
        self._key = told["stripe"]["api_key"]
        self._url = url
        self._pid = pid
        self._token = token
        self._rng = rng
        self._numbers = itertools.count()
        self._customers = self._listed("customers")
        self._objects = [
            (kind, one)
            for kind, path in (
                ("customer", "customers"),
                ("subscription", "subscriptions"),
                ("invoice", "invoices"),
            )
            for one in self._listed(path)
        ]
        self._session = requests.Session()

    def run(self, seconds: float, rate: float) -> None:
        """Send for so long; the company's own events count too."""
        for fault in FAULTS:
            self._post_control("faults", fault)
        started = time.monotonic()
        next_sample = started
        with ThreadPoolExecutor(8) as pool:
            for number in itertools.count():
                due = started + number / rate
                if due > started + seconds:
                    break
                time.sleep(max(0.0, due - time.monotonic()))
                for body in self._bodies(number):
                    pool.submit(self._deliver, body)
                if time.monotonic() >= next_sample:
                    next_sample += SAMPLE_SECONDS
                    self.memory.append((time.monotonic() - started, resident_kib(self._pid)))

    def settle(self) -> None:
        """Switch the faults off and wait until nothing is waiting."""
        requests.delete(f"{self._control}/faults", timeout=10)
        started = time.monotonic()
        while waiting := self.waiting():
            assert time.monotonic() - started < SETTLE_SECONDS, f"{waiting} events are still waiting"
            time.sleep(1.0)
        self.settled_after = time.monotonic() - started

    def waiting(self) -> int:
        """Return how many events wait, as the server's own figures tell."""
        headers = {"Authorization": f"Bearer {self._token}"}
        text = requests.get(f"{self._url}/metrics", headers=headers, timeout=10).text
        found = re.search(r"^saaskpi_inbox_waiting(?:\{[^}]*\})? (\S+)", text, re.MULTILINE)
        assert found, text
        return int(float(found[1]))

    def _bodies(self, number: int) -> list[dict[str, Any]]:
        """Return what is sent at one tick: mostly nothing new, sometimes something that happened."""
        if number % 50 == 0:
            what, customer = self._rng.choice(HAPPENINGS), self._rng.choice(self._customers)
            answer = self._post_control("happen", {"what": what, "customer": customer["id"]})
            self.happened[what] += bool(answer.get("events"))
            return [one for one in answer.get("events", []) if isinstance(one, dict)]
        kind, found = self._rng.choice(self._objects)
        event = {
            "id": f"evt_soak_{next(self._numbers):08d}",
            "object": "event",
            "type": f"{'customer.' if kind == 'subscription' else ''}{kind}.updated",
            "created": int(time.time()),
            "livemode": False,
            "data": {"object": {"id": found["id"], "object": kind, "customer": found.get("customer")}},
        }
        return [event, event] if self._rng.random() < REPEATED else [event]

    def _deliver(self, event: dict[str, Any]) -> None:
        body = json.dumps(event).encode()
        headers = stripe_headers(SECRET, body, time.time())
        try:
            answer = requests.post(f"{self._url}/webhooks/stripe", body, headers=headers, timeout=30)
            self.answers[answer.status_code] += 1
        except requests.RequestException:
            self.answers[0] += 1

    def _listed(self, path: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        more, after = True, None
        while more and len(rows) < 2000:
            query = {
                "limit": 100,
                "status": "all" if path == "subscriptions" else None,
                "starting_after": after,
            }
            answer = requests.get(
                f"{self._stripe}/v1/{path}",
                {name: str(value) for name, value in query.items() if value is not None},
                headers={"Authorization": f"Bearer {self._key}"},
                timeout=30,
            ).json()
            rows += answer["data"]
            more, after = answer["has_more"], rows[-1]["id"] if rows else None
        return rows

    def _post_control(self, what: str, body: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = requests.post(f"{self._control}/{what}", json=body, timeout=30).json()
        return answer


def resident_kib(pid: int) -> int:
    """Return a process's resident memory."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+)", status)
    assert found
    return int(found[1])


def left_to_write(told: dict[str, Any], environment: dict[str, str]) -> Counter[str]:
    """Return what a fresh home would still write, by property; ``task`` for tasks to open.

    What nobody expects is printed whole: company, the CRM's value, and the oracle's.
    """
    with tempfile.TemporaryDirectory() as fresh:
        anew = environment | {"SAASKPI_HOME": fresh}
        for stage in ("pull", "enrich"):
            command(anew, stage)
        plan = command(anew, "plan")["plan"]
    changes = [(one["company_id"], change) for one in plan["updates"] for change in one["changes"]]
    for company_id, change in changes:
        if change["property"] not in OF_WHOLE_RUNS:
            print(f"unexpected       {company_id} {json.dumps(change, ensure_ascii=False)}")
    left = Counter(change["property"] for _, change in changes)
    opened = [one for one in plan["tasks"] if one["action"] == "open"]
    for one in opened:
        print(f"unexpected       {json.dumps(one, ensure_ascii=False)}")
    left["task"] += len(opened)
    return +left


def tell(soak: Soak) -> None:
    """Print what was sent, and what it did to the memory."""
    third = max(1, len(soak.memory) // 3)
    first = statistics.median(kib for _, kib in soak.memory[third // 2 : third + third // 2])
    last = statistics.median(kib for _, kib in soak.memory[-third:])
    print(f"answers          {dict(soak.answers)}")
    print(f"happened         {dict(soak.happened)}")
    print(f"settled after    {soak.settled_after:.0f} s")
    print(
        f"memory           {first / 1024:.0f} MB -> {last / 1024:.0f} MB ({100 * (last / first - 1):+.1f} %)"
    )


def report(left: Counter[str], after_a_run: Counter[str]) -> None:
    """Print what the oracle says; exit code 1 when the end state is not the oracle's."""
    print(f"left to write    {dict(left)}; after a whole run {dict(after_a_run)}")
    sys.exit(bool(after_a_run) or bool(set(left) - OF_WHOLE_RUNS))


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main()
