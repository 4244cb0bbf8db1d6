"""Who is let in: every route refuses strangers, whatever is added later."""

from __future__ import annotations

import contextlib
import json
import re
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from saaskpi.settings import ServerSettings, Settings
from tests.saaskpi.made_up_run import home, made_up
from tests.support.api import ALL_SCOPES, Caller, caller
from warehouse.access import Tokens
from webhook_server.api import ROUTES
from webhook_server.api.access import FAILURES_PER_MINUTE
from webhook_server.serving import http

OPEN = {"/healthz", "/readyz"}
"""Say whether the server lives, and nothing of a customer."""
SIGNED = {"/webhooks/stripe", "/webhooks/hubspot"}
"""Open to whoever signs with the vendor's secret; see the tests of webhooks."""


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return home(tmp_path_factory.mktemp("access") / "home", made_up(accounts=5))


@pytest.fixture
def api(at: Path) -> Iterator[Caller]:
    made = caller(Settings(home=at, server=ServerSettings(requests_per_minute=1_000)))
    yield made
    made.services.close()


def rules(api: Caller) -> list[tuple[str, str, Rule]]:
    """Return every method and path that the application answers."""
    found = []
    for rule in api.app.url_map.iter_rules():
        path = re.sub(r"<[^>]+>", "1", rule.rule)
        found += [(method, path, rule) for method in sorted(rule.methods or ())]
    return found


def test_every_route_refuses_strangers(api: Caller) -> None:
    seen: set[str] = set()
    revoked = Tokens(api.services.store.engine).create(
        "gone", ALL_SCOPES, None, datetime(2026, 1, 1, tzinfo=UTC)
    )
    Tokens(api.services.store.engine).revoke("gone", datetime.now(UTC))
    for method, path, rule in rules(api):
        if path in OPEN or method == "OPTIONS":
            continue
        for number, shown in enumerate((None, "Bearer nonsense", f"Bearer {revoked}", "Basic YTpi")):
            headers = {"Authorization": shown} if shown else {}
            # Each from an address of its own, so that none is told to wait.
            address = {"REMOTE_ADDR": f"203.0.113.{len(seen) % 250}", "HTTP_HOST": "kpi.example"}
            answer = api.client.open(path, method=method, headers=headers, environ_base=address)
            if path in SIGNED:
                assert answer.status_code in (400, 401, 503), (method, path, number)
                continue
            assert answer.status_code == 401, (method, path, number)
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            assert method == "HEAD" or set(answer.json or {}) == {"error", "hint"}
        seen.add(rule.rule)
    assert "/webhooks/usage" in seen
    assert "/metrics" in seen
    declared = {"/api/v1" + route.path.replace("{", "<").replace("}", ">") for route in ROUTES}
    assert declared <= seen


def test_nobody_is_told_what_another_site_may_read(api: Caller) -> None:
    asking = {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}
    for method in ("OPTIONS", "GET"):
        for _, path, _ in rules(api):
            answer = api.client.open(path, method=method, headers={**api.headers, **asking})
            assert not [name for name in dict(answer.headers) if name.lower().startswith("access-control")]
            if path.startswith("/api/"):
                assert answer.status_code != 200 or method == "GET"


def test_every_route_of_the_api_wants_its_scope(api: Caller) -> None:
    tokens = Tokens(api.services.store.engine)
    now = datetime.now(UTC)
    by_scope = {
        scope: api.bearing(tokens.create(f"only-{scope}", [scope], now + timedelta(hours=1), now))
        for scope in ALL_SCOPES
    }
    for route in ROUTES:
        path = re.sub(r"{\w+}", "nobody", route.path)
        for scope, one in by_scope.items():
            answer = one(path, method=route.method, query_string={"unknown": "1"})
            # Who may come in is told of the mistake, others only that they may not.
            assert answer.status_code == (400 if scope == route.scope else 403), (route.name, scope)
            if scope != route.scope:
                assert f'scope="{route.scope}"' in answer.headers["WWW-Authenticate"]
                assert route.scope in (answer.json or {})["error"]
    for scope in ALL_SCOPES:
        tokens.revoke(f"only-{scope}", now)


@pytest.mark.parametrize("form", ["Bearer {}", "bearer {}", "BEARER  {}", "Bearer {} "])
def test_forms_of_a_token_that_hold(api: Caller, form: str) -> None:
    plain = api.headers["Authorization"].removeprefix("Bearer ")
    assert api("/accounts", headers={"Authorization": form.format(plain)}).status_code == 200


def test_forms_of_a_token_that_do_not_hold(api: Caller) -> None:
    plain = api.headers["Authorization"].removeprefix("Bearer ")
    others = (
        plain,
        f"Token {plain}",
        f"Bearer {plain}, Bearer x",
        f"Bearer {plain[:-1]}",
        "Bearer ",
        "Bearer é",
    )
    for shown in others:
        assert api("/accounts", headers={"Authorization": shown}).status_code == 401
    in_query = api.client.get("/api/v1/accounts", query_string={"token": plain, "access_token": plain})
    assert in_query.status_code == 401
    assert plain not in in_query.text


def test_an_expired_token_is_refused(at: Path) -> None:
    api = caller(Settings(home=at))
    try:
        now = datetime.now(UTC)
        tokens = Tokens(api.services.store.engine)
        short = api.bearing(tokens.create("short", ["read"], now + timedelta(minutes=5), now))
        assert short("/accounts").status_code == 200
        api.services.now = lambda: now + timedelta(minutes=5)
        assert short("/accounts").status_code == 401
        tokens.revoke("short", now)
    finally:
        api.services.close()


def test_a_token_may_ask_so_often_and_no_more(at: Path) -> None:
    api = caller(Settings(home=at, server=ServerSettings(requests_per_minute=5)))
    try:
        tokens = Tokens(api.services.store.engine)
        other = api.bearing(tokens.create("other", ["read"], None, datetime.now(UTC)))
        assert [api("/runs").status_code for _ in range(7)] == [200] * 5 + [429] * 2
        told = api("/runs")
        assert 1 <= int(told.headers["Retry-After"]) <= 60
        assert "Try again in" in (told.json or {})["hint"]
        assert other("/runs").status_code == 200
        tokens.revoke("other", datetime.now(UTC))
    finally:
        api.services.close()


def test_who_fails_too_often_waits_and_shuts_nobody_else_out(api: Caller) -> None:
    def guess(address: str) -> TestResponse:
        headers = {"Authorization": "Bearer saaskpi_guess"}
        return api.client.get("/api/v1/runs", headers=headers, environ_base={"REMOTE_ADDR": address})

    codes = [guess("2001:db8::1").status_code for _ in range(FAILURES_PER_MINUTE + 1)]
    assert codes == [401] * FAILURES_PER_MINUTE + [429]
    # One owner has a whole /64, and another none of it.
    assert guess("2001:db8::ffff").status_code == 429
    assert guess("2001:db8:0:1::1").status_code == 401
    assert int(guess("2001:db8::1").headers["Retry-After"]) >= 1
    # A token that holds passes from that very address: behind a proxy it is everybody's.
    mine = api("/runs", environ_base={"REMOTE_ADDR": "2001:db8::1"})
    assert mine.status_code == 200


def test_what_every_answer_carries(api: Caller) -> None:
    for path, status in (
        ("/accounts", 200),
        ("/nowhere", 404),
        ("/accounts?x=1", 400),
        ("/accounts/no", 404),
    ):
        answer = api(path)
        assert answer.status_code == status
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert "Server" not in answer.headers
        assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["X-Request-ID"])
    given = api("/runs", headers={"X-Request-ID": "trace-1.a"})
    assert given.headers["X-Request-ID"] == "trace-1.a"
    for wrong in ("a" * 65, "a b", "<script>", "é"):
        assert api("/runs", headers={"X-Request-ID": wrong}).headers["X-Request-ID"] != wrong


REFUSED = (b"400", b"401", b"404", b"413", b"414", b"431")
POST = b"POST /api/v1/apply HTTP/1.1\r\nHost: x\r\n"
HOSTILE = (
    b"GET /api/v1/accounts\r\n\r\n",
    b"\x16\x03\x01" + b"\x00" * 200,
    b"GET /" + b"a" * 70_000,
    b"GET /api/v1/accounts HTTP/1.1\r\nHost: x\r\nX-A: 1\r\n\tInjected: 1\r\n\r\n",
    POST + b"Content-Length: -1\r\n\r\n",
    POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
)


def test_over_the_wire_nothing_tells_what_answers(api: Caller) -> None:
    with http(api.app, "127.0.0.1", 0, 2) as url:
        asked = Request(f"{url}/api/v1/accounts", headers=dict(api.headers))
        with urlopen(asked) as answer:
            assert "Server" not in answer.headers
            assert json.load(answer)["total"] == 5
        # What no client of a library would send is answered or cut off, and the next one is served.
        for raw in HOSTILE:
            told = exchange(url, raw)
            assert not told or told.split(b" ")[1] in REFUSED, (raw[:60], told[:80])
        with urlopen(asked) as answer:
            assert answer.status == 200


def exchange(url: str, raw: bytes) -> bytes:
    """Send bytes and return the answer's first ones."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=10) as connection:
        # The server may have answered and cut the line before all was sent.
        with contextlib.suppress(OSError):
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
        try:
            return connection.recv(4_096)
        except OSError:
            return b""


def test_a_body_may_be_so_long(api: Caller) -> None:
    for path in ("/apply", "/plan"):
        answer = api(path, method="POST", data=b"x" * 20_000, content_type="application/json")
        assert answer.status_code == 413, path
        assert set(answer.json or {}) == {"error", "hint"}
