import json
import socket
import threading
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import requests
from flask import Flask, request

from sandbox.faults import Fault, Faults
from sandbox.middleware import instrument
from sandbox.request_log import Exchange, RequestLog
from sandbox.server import Server


@dataclass
class Served:
    url: str
    log: RequestLog
    faults: Faults

    def get(self, path: str = "/things/1", **options: float) -> requests.Response:
        return requests.get(self.url + path, timeout=options.get("timeout", 10))


def vendor_app() -> Flask:
    app = Flask("vendor", static_folder=None)

    @app.route("/things/<number>", methods=["GET", "POST", "PATCH"])
    def thing(number: str) -> dict[str, object]:
        return {"number": number, "sent": request.get_json(silent=True), "filling": "x" * 1000}

    return app


@pytest.fixture
def served() -> Iterator[Served]:
    log, faults = RequestLog(), Faults(seed=1)
    app = instrument(vendor_app(), "stripe", log, faults)
    with Server(app) as server:
        yield Served(server.url, log, faults)
        faults.clear()


def test_the_log_keeps_what_was_asked_and_answered(served: Served) -> None:
    served.get("/things/1?limit=3&expand[]=a&expand[]=b&empty=")
    requests.post(served.url + "/things/2", json={"name": "é"}, timeout=10)
    requests.patch(served.url + "/things/3", data=b"a=1", timeout=10)
    first, second, third = served.log.entries()
    assert (first["seq"], first["vendor"], first["method"], first["path"]) == (
        1,
        "stripe",
        "GET",
        "/things/1",
    )
    assert first["query"] == {"limit": ["3"], "expand[]": ["a", "b"], "empty": [""]}
    assert (first["body"], first["status"], first["write"]) == (None, 200, False)
    assert (second["body"], second["write"]) == ({"name": "é"}, True)
    assert third["body"] == "a=1"
    assert [entry["seq"] for entry in served.log.entries(method="PATCH")] == [3]
    assert [entry["seq"] for entry in served.log.entries(write=False)] == [1]
    served.log.clear()
    served.get()
    assert [entry["seq"] for entry in served.log.entries()] == [4]


def test_reading_by_post_is_no_write() -> None:
    log = RequestLog()
    for path in ("/crm/objects/2026-03/contacts/search", "/crm/objects/2026-03/companies/batch/read"):
        log.add(Exchange("hubspot", "POST", path, "", {}, b"", 200, b""))
    for path in ("/crm/objects/2026-03/companies/batch/update", "/crm/objects/2026-03/tasks"):
        log.add(Exchange("hubspot", "POST", path, "", {}, b"", 200, b""))
    assert [entry["write"] for entry in log.entries()] == [False, False, True, True]


def test_the_authorization_header_never_reaches_observers(served: Served) -> None:
    seen: list[Exchange] = []
    served.log.observers.append(seen.append)
    requests.get(served.url + "/things/1", headers={"Authorization": "Bearer canary"}, timeout=10)
    assert "canary" not in str(seen) + json.dumps(served.log.entries())
    assert seen[0].answer.startswith(b"{")


@pytest.mark.parametrize(
    "fault,status,headers",
    [
        (Fault("status", status=503), 503, {}),
        (Fault("status", status=500, seconds=7), 500, {"Retry-After": "7"}),
        (Fault("429", seconds=2), 429, {"Retry-After": "2", "Stripe-Should-Retry": "true"}),
        (Fault("401"), 401, {}),
    ],
)
def test_refusals_have_the_vendors_own_body(
    served: Served, fault: Fault, status: int, headers: dict[str, str]
) -> None:
    served.faults.add(fault)
    answer = served.get()
    assert answer.status_code == status
    assert answer.json()["error"]["message"]
    assert headers.items() <= answer.headers.items()
    assert served.log.entries()[-1]["status"] == status


def test_hubspot_has_another_body() -> None:
    faults = Faults()
    faults.add(Fault("429"))
    answer = faults.apply("hubspot", "GET", "/x").answer
    assert answer is not None
    assert (answer.body["category"], answer.headers) == ("RATE_LIMITS", {})


def test_latency_adds_up_and_lets_the_answer_through(served: Served) -> None:
    served.faults.add(Fault("latency", seconds=0.15))
    served.faults.add(Fault("latency", seconds=0.15))
    start = time.monotonic()
    assert served.get().status_code == 200
    assert time.monotonic() - start >= 0.3


def test_a_cut_body_is_shorter_than_promised(served: Served) -> None:
    served.faults.add(Fault("cut", times=1))
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        served.get()
    assert served.get().json()["number"] == "1"


def test_a_hanging_request_times_out_and_is_let_go_with_the_faults(served: Served) -> None:
    served.faults.add(Fault("hang", seconds=60))
    with pytest.raises(requests.exceptions.ReadTimeout):
        served.get(timeout=0.2)
    errors: list[type[BaseException]] = []

    def wait() -> None:
        try:
            served.get(timeout=30)
        except requests.exceptions.ConnectionError as error:
            errors.append(type(error))

    waiting = threading.Thread(target=wait)
    waiting.start()
    while len(served.log.entries()) < 2:
        time.sleep(0.01)
    served.faults.clear()
    waiting.join(timeout=5)
    assert errors == [requests.exceptions.ConnectionError]
    assert served.get().status_code == 200


def test_rules_count_by_vendor_method_path_times_and_after() -> None:
    faults = Faults()
    faults.add(Fault("429", vendor="stripe", path="/v1/invoices", method="get", after=1, times=2))

    def status(vendor: str, method: str, path: str) -> int:
        answer = faults.apply(vendor, method, path).answer
        return answer.status if answer else 200

    assert status("hubspot", "GET", "/v1/invoices") == 200
    assert status("stripe", "POST", "/v1/invoices") == 200
    assert status("stripe", "GET", "/v1/charges") == 200
    assert [status("stripe", "GET", "/v1/invoices/x") for _ in range(4)] == [200, 429, 429, 200]
    assert faults.rules() == []


def test_probability_is_seeded() -> None:
    def hits(seed: int) -> list[bool]:
        faults = Faults(seed)
        faults.add(Fault("429", probability=0.3))
        return [faults.apply("stripe", "GET", "/").answer is not None for _ in range(200)]

    assert hits(1) == hits(1)
    assert hits(1) != hits(2)
    assert 30 <= sum(hits(1)) <= 90


@pytest.mark.parametrize("values", [{}, {"kind": "flood"}, {"kind": "429", "colour": "red"}])
def test_nonsense_rules_are_refused(values: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"fault|Unknown"):
        Fault.from_json(values)


def test_stopping_closes_connections_and_threads() -> None:
    before = threading.active_count()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        server = Server(vendor_app()).start()
        with requests.Session() as session:
            assert session.get(server.url + "/things/1", timeout=10).status_code == 200
            server.stop()
        with pytest.raises(requests.exceptions.ConnectionError):
            requests.get(server.url + "/things/1", timeout=2)
    deadline = time.monotonic() + 2
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() == before


def test_a_taken_port_is_an_os_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="in use"):
            Server(vendor_app(), taken.getsockname()[1])
