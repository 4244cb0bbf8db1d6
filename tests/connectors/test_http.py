"""The HTTP client: when it tries again, when it stops, and what it says."""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import responses
from hypothesis import given
from hypothesis import strategies as st

from connectors.http import HttpClient
from connectors.hubspot.client import HUBSPOT
from connectors.rate_limiter import RateLimiter
from connectors.retries import ATTEMPTS, LONGEST_WAIT, Outcome, next_wait
from connectors.stripe.client import STRIPE
from saaskpi.errors import AccessError, MissingPermissionError, RejectedError, UnavailableError, UsageError

KEY = "sk_test_canary_4242"
BASE = "https://api.stripe.example"


def client(base: str = BASE, vendor: Any = STRIPE, **options: Any) -> HttpClient:
    options = {"limiter": RateLimiter(1000), "sleep": lambda _: None, "jitter": lambda: 0.5, **options}
    return HttpClient(base, KEY, vendor=vendor, **options)


# -- the decision --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "outcome, again",
    [
        (Outcome(429), True),
        (Outcome(429, repeatable=False), True),
        (Outcome(500), True),
        (Outcome(503, repeatable=False), False),
        (Outcome(477), True),
        (Outcome(None), True),
        (Outcome(None, repeatable=False), False),
        (Outcome(None, sent=False, repeatable=False), True),
        (Outcome(400), False),
        (Outcome(401), False),
        (Outcome(403), False),
        (Outcome(404), False),
        (Outcome(409), False),
        (Outcome(409, server_says=True), True),
        (Outcome(500, repeatable=False, server_says=True), True),
        (Outcome(429, server_says=False), False),
        (Outcome(500, server_says=False), False),
    ],
)
def test_what_is_tried_again(outcome: Outcome, again: bool) -> None:
    assert (next_wait(1, outcome) is not None) is again


@given(
    attempt=st.integers(1, 20),
    jitter=st.floats(0, 0.999),
    retry_after=st.none() | st.floats(0, 1e6),
    status=st.sampled_from([None, 429, 500, 503]),
)
def test_a_wait_is_bounded_ends_and_honours_the_server(
    attempt: int, jitter: float, retry_after: float | None, status: int | None
) -> None:
    wait = next_wait(attempt, Outcome(status, retry_after=retry_after), jitter=jitter)
    if attempt >= ATTEMPTS or (retry_after or 0) > LONGEST_WAIT:
        assert wait is None
    else:
        assert wait is not None
        assert (retry_after or 0) <= wait <= LONGEST_WAIT
        assert wait > 0


# -- the rate limit ------------------------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_no_window_ever_holds_more_than_its_calls() -> None:
    clock = Clock()
    limiter = RateLimiter(5, 10.0, clock=clock, sleep=clock.sleep)
    passes = []
    for pause in [0.0, 3.0, 0.0, 0.0, 9.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 30.0] * 4:
        clock.now += pause
        limiter.acquire()
        passes.append(clock.now)
    for start in passes:
        assert sum(start <= moment < start + 10.0 for moment in passes) <= 5
    assert passes[:4] == [0.0, 3.0, 3.0, 3.0], "the limit must not slow what it allows"


def test_the_limit_holds_across_threads() -> None:
    slept: list[float] = []
    limiter = RateLimiter(10, 1.0, clock=lambda: 0.0, sleep=slept.append)
    threads = [threading.Thread(target=limiter.acquire) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(slept) == [1.0] * 10 + [2.0] * 10 + [3.0] * 10


# -- answers -------------------------------------------------------------------------------------


@responses.activate
def test_a_429_is_waited_out_as_long_as_the_server_asks() -> None:
    responses.get(f"{BASE}/v1/x", status=429, headers={"Retry-After": "7"}, json={})
    responses.get(f"{BASE}/v1/x", json={"ok": 1})
    slept: list[float] = []
    assert client(sleep=slept.append).get("/v1/x") == {"ok": 1}
    assert slept == [7.0]


@responses.activate
def test_a_server_that_forbids_a_repeat_is_obeyed() -> None:
    responses.get(f"{BASE}/v1/x", status=500, headers={"Stripe-Should-Retry": "false"}, json={})
    with pytest.raises(UnavailableError):
        client().get("/v1/x")
    assert len(responses.calls) == 1


@responses.activate
def test_5xx_on_an_unsafe_post_is_not_repeated_but_on_a_safe_one_it_is() -> None:
    responses.post(f"{BASE}/v1/x", status=503, json={})
    with pytest.raises(UnavailableError):
        client().post("/v1/x", {})
    assert len(responses.calls) == 1
    with pytest.raises(UnavailableError):
        client().post("/v1/x", {}, repeatable=True)
    assert len(responses.calls) == 1 + ATTEMPTS


@responses.activate
def test_a_used_up_daily_limit_is_not_waited_for() -> None:
    body = {"message": "You have reached your daily limit.", "policyName": "DAILY"}
    responses.get(f"{BASE}/x", status=429, json=body)
    with pytest.raises(UnavailableError, match="daily limit"):
        client(vendor=HUBSPOT).get("/x")
    assert len(responses.calls) == 1


@responses.activate
def test_401_stops_at_the_first_call_and_says_which_setting() -> None:
    body = {"error": {"message": f"Invalid API Key provided: {KEY}"}}
    responses.get(f"{BASE}/v1/x", status=401, json=body)
    with pytest.raises(AccessError) as caught:
        client().get("/v1/x")
    assert len(responses.calls) == 1
    assert "Stripe at api.stripe.example" in caught.value.message
    assert "STRIPE_API_KEY" in caught.value.hint
    assert KEY not in str(caught.value)


@responses.activate
def test_403_names_the_missing_permission() -> None:
    message = "The provided key 'rk_x' does not have ... Having the 'rak_charge_read' permission would help."
    responses.get(f"{BASE}/v1/charges", status=403, json={"error": {"message": message}})
    with pytest.raises(MissingPermissionError, match="rak_charge_read") as stripe:
        client().get("/v1/charges")
    assert stripe.value.permission == "the permission rak_charge_read"

    error = {"context": {"requiredGranularScopes": ["crm.objects.deals.read"]}, "message": "..."}
    responses.get(f"{BASE}/deals", status=403, json={"category": "MISSING_SCOPES", "errors": [error]})
    with pytest.raises(MissingPermissionError, match=r"crm\.objects\.deals\.read"):
        client(vendor=HUBSPOT).get("/deals")


@responses.activate
def test_other_refusals_carry_the_vendors_words_without_the_key() -> None:
    responses.get(f"{BASE}/v1/x", status=404, json={"error": {"message": f"No such thing {KEY} here"}})
    with pytest.raises(RejectedError) as caught:
        client().get("/v1/x")
    assert caught.value.status == 404
    assert "No such thing *** here" in caught.value.message


@responses.activate
def test_a_body_that_is_no_json_is_read_again() -> None:
    responses.get(f"{BASE}/v1/x", body="<html>proxy</html>")
    responses.get(f"{BASE}/v1/x", body='["a list"]')
    responses.get(f"{BASE}/v1/x", json={"ok": 1})
    assert client().get("/v1/x") == {"ok": 1}


@responses.activate
def test_redirects_are_refused_and_the_key_goes_nowhere_else() -> None:
    responses.get(f"{BASE}/v1/x", status=302, headers={"Location": "https://evil.example/v1/x"})
    with pytest.raises(RejectedError, match=r"evil\.example"):
        client().get("/v1/x")
    assert [call.request.url for call in responses.calls] == [f"{BASE}/v1/x"]


@responses.activate
def test_a_netrc_file_does_not_replace_the_key(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine api.stripe.example login someone password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    responses.get(f"{BASE}/v1/x", json={})
    client().get("/v1/x")
    assert responses.calls[0].request.headers["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    "base",
    ["api.stripe.com", "", "ftp://x", "https://", "stripe", "http://[::1", "https://.x.com", "http://a b"],
)
def test_an_address_that_is_none_is_refused_at_once(base: str) -> None:
    with pytest.raises(UsageError, match="https://"):
        client(base)


@pytest.mark.parametrize("key", ["", "  ", "two words", "clé", "sk_test_1\nX-Evil: 1"])
def test_a_key_that_cannot_be_one_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(AccessError) as caught:
        HttpClient(BASE, key, vendor=STRIPE)
    assert not key.strip() or key not in str(caught.value)


def test_neither_repr_nor_vars_of_the_session_show_the_key() -> None:
    http = client()
    assert KEY not in repr(http) + repr(vars(http._session)) + repr(http._session.auth)


# -- the wire ------------------------------------------------------------------------------------

Behaviour = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """Answers each request with the next behaviour, the last one for ever."""

    def __init__(self, *behaviours: Behaviour) -> None:
        self.requests = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                behaviour = behaviours[min(outer.requests, len(behaviours) - 1)]
                outer.requests += 1
                behaviour(self)

            do_POST = do_GET  # noqa: N815

            def log_message(self, *_: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def answers(handler: BaseHTTPRequestHandler) -> None:
    body = json.dumps({"ok": 1}).encode()
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def cuts(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"data": [')


def damages(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Encoding", "gzip")
    handler.send_header("Content-Length", "8")
    handler.end_headers()
    handler.wfile.write(b"not gzip")


def hangs(handler: BaseHTTPRequestHandler) -> None:
    threading.Event().wait(0.6)


def drops(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(*behaviours: Behaviour) -> Server:
        servers.append(Server(*behaviours))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.mark.parametrize("fault", [cuts, damages, hangs, drops])
def test_a_read_survives_what_happens_on_the_wire(serve: Callable[..., Server], fault: Behaviour) -> None:
    server = serve(fault, answers)
    assert client(server.url, timeout=(1, 0.2)).get("/x") == {"ok": 1}
    assert server.requests == 2


@pytest.mark.parametrize("fault", [cuts, damages, hangs, drops])
def test_an_unsafe_write_that_was_sent_is_never_repeated(
    serve: Callable[..., Server], fault: Behaviour
) -> None:
    server = serve(fault, answers)
    with pytest.raises(UnavailableError, match="it may have been done"):
        client(server.url, timeout=(1, 0.2)).post("/x", {})
    assert server.requests == 1


def test_a_host_that_never_answered_is_given_up_soon_and_in_words(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    slept: list[float] = []
    with caplog.at_level(logging.WARNING), pytest.raises(UnavailableError) as caught:
        client(url, sleep=slept.append).post("/x", {})
    assert sum(slept) < 3
    assert "the connection was refused" in caught.value.message
    assert "stripe.api_base" in caught.value.hint
    assert "trying again" in caplog.text
    assert KEY not in caplog.text
