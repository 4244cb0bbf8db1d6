"""From a payment that fails to the property and the task in the CRM: ``python -m benchmarks.latency``.

A sandbox of ``--customers`` companies and ``saaskpi serve`` are processes of their own; both vendors answer
``--latency`` seconds late. A card is declined and Stripe's webhooks go out, through a relay that notes when
the first of them comes by. From then the clock runs until the last of the two writes has arrived: the company
with ``payment_failed`` among its risk flags, and a task. Debouncing, reading anew, computing and writing are
all in it; what the sandbox itself takes for a decline is not.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from benchmarks.whole_run import variables
from connectors.stripe.client import StripeClient
from connectors.stripe.webhook_endpoints import register
from tests.support.serving import free_port

FLAG = "payment_failed"
PATIENCE = 60.0
PAUSE = 1.0
"""Seconds between two payments: the server is done with the former one, and the sandbox answers at once."""


class Relay:
    """Hands webhooks on to a server and notes when the first one came by.

    Args:
        target: the server's URL.

    Attributes:
        first: seconds since the epoch; None until one comes.
    """

    def __init__(self, target: str) -> None:
        self.first: float | None = None
        relay = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                if relay.first is None:
                    relay.first = time.time()
                body = self.rfile.read(int(self.headers["Content-Length"]))
                shown = {name: self.headers[name] for name in ("Content-Type", "Stripe-Signature")}
                request = urllib.request.Request(target + self.path, body, shown)
                try:
                    with urllib.request.urlopen(request, timeout=30) as answer:
                        self.send_response(answer.status)
                except urllib.error.HTTPError as error:
                    self.send_response(error.code)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def forget(self) -> None:
        """Wait for a first one anew."""
        self.first = None


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--customers", type=int, default=10_000)
    parser.add_argument("--months", type=int, default=36)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--times", type=int, default=40)
    parser.add_argument("--latency", type=float, default=0.1, help="of each answer of both vendors, seconds")
    options = parser.parse_args()
    command = [sys.executable, "-m", "sandbox", "--customers", str(options.customers), "--watch-stdin"]
    command += ["--months", str(options.months), "--seed", str(options.seed), "--no-rate-limits"]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as sandbox,
    ):
        assert sandbox.stdout
        told = json.loads(sandbox.stdout.readline())
        home = Path(folder)
        environment = environment_of(told, home)
        for stage in ("pull", "enrich", "apply"):
            started = time.monotonic()
            subprocess.run(
                [sys.executable, "-m", "saaskpi", stage, "--json"],
                env=environment,
                stdout=subprocess.DEVNULL,
                check=True,
            )
            print(f"{stage:<7} {time.monotonic() - started:7.1f} s", flush=True)
        print(json.dumps(measured(told, environment, home, options), indent=2))
        sandbox.terminate()


def environment_of(told: dict[str, Any], home: Path) -> dict[str, str]:
    """Return an environment in which nothing but the webhooks makes the server work."""
    jobs = ("pull", "full_refresh", "enrich_and_apply", "reconcile", "compact", "backup")
    return {
        **variables(told, home, unlimited=True),
        "SAASKPI_STRIPE__WEBHOOK_SECRET": told["stripe"]["webhook_secret"],
        "SAASKPI_HUBSPOT__CLIENT_SECRET": told["hubspot"]["client_secret"],
        **{f"SAASKPI_SCHEDULE__{job.upper()}": "" for job in jobs},
    }


def measured(
    told: dict[str, Any], environment: dict[str, str], home: Path, options: argparse.Namespace
) -> dict[str, Any]:
    """Let payments fail, one after the other, beside a running server."""
    base = told["stripe"]["api_base"]
    url = f"http://127.0.0.1:{(port := free_port())}"
    serve = [sys.executable, "-m", "saaskpi", "serve", "--port", str(port)]
    with subprocess.Popen(serve, env=environment, stdout=subprocess.DEVNULL) as server:
        try:
            wait_for(url)
            relay = Relay(url)
            register(StripeClient(told["stripe"]["api_key"], base), f"{relay.url}/webhooks/stripe")
            for vendor in ("stripe", "hubspot"):
                fault = {"kind": "latency", "vendor": vendor, "seconds": options.latency}
                ask(f"{base}/_sandbox/faults", fault)
            customers = payers(home)
            random.Random(options.seed).shuffle(customers)
            times: list[float] = []
            calls: list[int] = []
            for customer in customers:
                if len(times) == options.times + 1:
                    break
                found = one(base, customer, relay)
                if found is not None:
                    times.append(found[0])
                    calls.append(found[1])
                    print(f"  {found[0]:6.2f} s  {found[1]} write calls", flush=True)
            # The first one finds the portal's definitions, and is told by itself.
            first, times = times[0], sorted(times[1:])
            cpu = sum(float(part) for part in Path(f"/proc/{server.pid}/stat").read_text().split()[13:15])
        finally:
            server.terminate()
    return {
        "customers": options.customers,
        "payments": len(times),
        "first_s": round(first, 2),
        "p50_s": round(statistics.median(times), 2),
        "p95_s": round(times[min(int(len(times) * 0.95), len(times) - 1)], 2),
        "max_s": round(times[-1], 2),
        "write_calls": statistics.mean(calls),
        "server_cpu_s_each": round(cpu / os.sysconf("SC_CLK_TCK") / (len(times) + 1), 2),
        "load": os.getloadavg()[0],
    }


def payers(home: Path) -> list[str]:
    """Return the only customers of companies that pay and have no payment that failed."""
    run = sorted((home / "marts").iterdir())[-1]
    flagged = {
        row["account_id"]
        for row in pq.read_table(run / "account_flags.parquet", columns=["account_id", "flag"]).to_pylist()
        if row["flag"] == FLAG
    }
    columns = ["account_id", "company_id", "mrr", "stripe_customer_ids"]
    return [
        row["stripe_customer_ids"][0]
        for row in pq.read_table(run / "accounts.parquet", columns=columns).to_pylist()
        if row["company_id"] and row["mrr"] and row["account_id"] not in flagged
        if len(row["stripe_customer_ids"]) == 1
    ]


def one(base: str, customer: str, relay: Relay) -> tuple[float, int] | None:
    """Let a payment fail; return the seconds until both writes have arrived and how many calls were made.

    None when it cannot fail: the customer has no card, or was let off a flag lately.
    """
    time.sleep(PAUSE)
    ask(f"{base}/_sandbox/requests", None, "DELETE")
    relay.forget()
    started = time.time()
    try:
        ask(f"{base}/_sandbox/happen", {"what": FLAG, "customer": customer})
    except urllib.error.HTTPError:
        return None
    arrived: dict[str, float] = {}
    while len(arrived) < 2:
        if time.time() - started > PATIENCE:
            print(f"  {customer}: only {sorted(arrived) or 'nothing'} arrived", flush=True)
            return None
        time.sleep(0.1)
        written = ask(f"{base}/_sandbox/requests?vendor=hubspot&write=true")["requests"]
        for entry in written:
            body = json.dumps(entry["body"])
            if entry["status"] >= 300:  # the probe of a scope
                continue
            if "/tasks/" in entry["path"]:
                arrived.setdefault("task", _second(entry))
            elif "saaskpi_risk_flags" in body and FLAG in body:
                arrived.setdefault("property", _second(entry))
    assert relay.first is not None
    return max(arrived.values()) - relay.first, len(written)


def _second(entry: dict[str, Any]) -> float:
    return datetime.fromisoformat(entry["at"]).timestamp()


def ask(url: str, body: dict[str, Any] | None = None, method: str | None = None) -> Any:
    """Call the sandbox's control."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        url, data, {"Content-Type": "application/json"}, method=method or ("POST" if data else "GET")
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def wait_for(url: str) -> None:
    """Wait until a server answers."""
    until = time.monotonic() + 120
    while True:
        try:
            urllib.request.urlopen(f"{url}/readyz", timeout=5).close()
        except (OSError, urllib.error.HTTPError):
            assert time.monotonic() < until, "the server does not answer"
            time.sleep(0.2)
        else:
            return


if __name__ == "__main__":
    main()
