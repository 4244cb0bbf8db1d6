import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
import requests

from sandbox import Sandbox


def get(url: str, **params: str) -> Any:
    answer = requests.get(url, params=params, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()


def bearer(sandbox: Sandbox) -> dict[str, str]:
    return {"Authorization": f"Bearer {sandbox.stripe_api_key}"}


def test_both_ports_tell_the_same(sandbox: Sandbox) -> None:
    for path in ("", "/truth", "/counts"):
        stripe, hubspot = (
            get(f"{base}/_sandbox{path}") for base in (sandbox.stripe_url, sandbox.hubspot_url)
        )
        assert stripe == hubspot
    described = get(f"{sandbox.hubspot_url}/_sandbox")
    assert described == sandbox.describe()
    assert set(described) == {"stripe", "hubspot", "today"}
    assert set(described["stripe"]) == {"api_base", "api_key", "webhook_secret"}
    assert set(described["hubspot"]) == {"api_base", "access_token", "client_secret", "portal_id"}


def test_the_truth_knows_every_customer(sandbox: Sandbox) -> None:
    truth = get(f"{sandbox.stripe_url}/_sandbox/truth")
    assert truth["today"] == "2026-10-31"
    assert set(sandbox.world.stripe.ids("customer")) <= set(truth["customers"])


def test_usage_is_one_json_object_per_line(sandbox: Sandbox) -> None:
    url = f"{sandbox.stripe_url}/_sandbox/usage.jsonl"
    answer = requests.get(url, {"since": "2026-10-20", "until": "2026-10-22"}, timeout=30)
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert {line["at"][:10] for line in lines} == {"2026-10-20", "2026-10-21", "2026-10-22"}
    assert all(set(line) == {"account", "user", "event", "at", "quantity"} for line in lines)
    assert requests.get(url, {"since": "yesterday"}, timeout=30).status_code == 400


def test_control_calls_leave_no_trace_in_the_log(make_sandbox: Callable[..., Sandbox]) -> None:
    sandbox = make_sandbox(customers=2, months=2)
    url = f"{sandbox.stripe_url}/_sandbox/requests"
    get(f"{sandbox.stripe_url}/_sandbox/counts")
    assert get(url)["requests"] == []
    requests.get(f"{sandbox.stripe_url}/v1/customers", headers=bearer(sandbox), timeout=10)
    requests.get(f"{sandbox.hubspot_url}/crm/owners/2026-03", timeout=10)
    assert [(entry["vendor"], entry["status"]) for entry in get(url)["requests"]] == [
        ("stripe", 200),
        ("hubspot", 401),
    ]
    assert [entry["vendor"] for entry in get(url, vendor="hubspot", method="GET")["requests"]] == ["hubspot"]
    assert get(url, write="true")["requests"] == []
    requests.delete(url, timeout=10)
    assert get(url)["requests"] == []


@pytest.mark.parametrize(
    "path,body",
    [
        ("clock", {"advance_days": 0}),
        ("clock", {}),
        ("clock", ["x"]),
        ("faults", {"kind": "flood"}),
        ("faults", {"vendor": "stripe"}),
        ("webhooks", {"vendor": "shopify", "url": "http://x", "events": []}),
    ],
)
def test_nonsense_is_refused_with_a_reason(sandbox: Sandbox, path: str, body: Any) -> None:
    answer = requests.post(f"{sandbox.stripe_url}/_sandbox/{path}", json=body, timeout=10)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_faults_are_listed_and_switched_off(make_sandbox: Callable[..., Sandbox]) -> None:
    sandbox = make_sandbox(customers=2, months=2)
    url = f"{sandbox.hubspot_url}/_sandbox/faults"
    fault = {"vendor": "stripe", "path": "/v1/invoices", "kind": "status", "status": 503, "times": 5}
    requests.post(url, json=fault, timeout=10)
    invoices = f"{sandbox.stripe_url}/v1/invoices"
    assert requests.get(invoices, headers=bearer(sandbox), timeout=10).status_code == 503
    assert get(url)["faults"][0]["times"] == 4
    requests.delete(url, timeout=10)
    assert get(url)["faults"] == []
    assert requests.get(invoices, headers=bearer(sandbox), timeout=10).status_code == 200


def test_the_clock_moves_both_vendors_and_counts_grow(make_sandbox: Callable[..., Sandbox]) -> None:
    sandbox = make_sandbox(customers=20, months=6)
    before = sandbox.counts()["stripe"]["stripe_invoices"]
    moved = requests.post(
        f"{sandbox.hubspot_url}/_sandbox/clock", json={"advance_days": 31}, timeout=60
    ).json()
    assert moved["today"] == sandbox.describe()["today"] == "2026-12-01"
    assert sandbox.counts()["stripe"]["stripe_invoices"] > before


def test_readers_never_see_a_half_billed_day(make_sandbox: Callable[..., Sandbox]) -> None:
    sandbox = make_sandbox(customers=20, months=6)
    failures: list[str] = []
    done = threading.Event()

    def read() -> None:
        with requests.Session() as session:
            while not done.is_set():
                answer = session.get(
                    f"{sandbox.stripe_url}/v1/invoices?limit=100", headers=bearer(sandbox), timeout=30
                )
                if answer.status_code != 200:
                    failures.append(answer.text)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for _ in range(5):
        sandbox.advance(3)
    done.set()
    for reader in readers:
        reader.join()
    assert failures == []


def test_the_same_seed_is_the_same_company(make_sandbox: Callable[..., Sandbox]) -> None:
    first, second, other = (make_sandbox(customers=5, months=3, seed=seed) for seed in (1, 1, 2))
    assert first.truth() == second.truth() != other.truth()


COMMAND = [sys.executable, "-m", "sandbox", "--customers", "3", "--months", "2"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_prints_one_line_and_serves_until_told_to_stop(number: signal.Signals) -> None:
    with subprocess.Popen(COMMAND, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        described = json.loads(process.stdout.readline())
        assert "_sandbox/requests" in process.stderr.readline()
        assert get(described["stripe"]["api_base"] + "/_sandbox") == described
        process.send_signal(number)
        assert process.wait(timeout=20) == 0
        assert process.stdout.read() == ""
        assert process.stderr.read() == ""


def test_the_command_ends_with_its_input_when_asked() -> None:
    ended = subprocess.run([*COMMAND, "--watch-stdin"], input="", capture_output=True, text=True, timeout=30)
    assert ended.returncode == 0
    assert json.loads(ended.stdout)["today"] == "2026-10-31"


def test_a_taken_port_is_told_in_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = subprocess.run([*COMMAND, "--hubspot-port", port], capture_output=True, text=True, timeout=30)
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.startswith("sandbox: cannot listen")
    assert len(ended.stderr.splitlines()) == 1
