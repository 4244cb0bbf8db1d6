"""Hostile requests: whatever is sent, nothing breaks, hangs or tells what it should not.

``SAASKPI_TEST_FUZZ`` is how many requests each way sends (200 by default); a run by hand takes 25,000 of each
for the 100,000 that are promised.
"""

from __future__ import annotations

import io
import json
import operator
import os
import string
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi import checks
from werkzeug.test import run_wsgi_app

from sandbox.webhooks import hubspot_headers, stripe_headers
from tests.support.api import PREFIX, Caller, caller
from tests.support.webhooks import HUBSPOT_SECRET, PUBLIC_URL, STRIPE_SECRET
from tests.webhook_server.conftest import Demo
from webhook_server.api import ROUTES, openapi

EXAMPLES = int(os.environ.get("SAASKPI_TEST_FUZZ", "200"))
LONGEST = 10.0
"""Seconds of work: others may use the machine and its disk too. An answer takes some milliseconds."""
CANARY = "canary-of-the-inside"
CALM = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate),
)
DOCUMENT = openapi.document(ROUTES)
Mode = schemathesis.GenerationMode
OPERATIONS = [
    (method, path, mode)
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
    for mode in Mode
    # Where nothing is asked for nothing can be wrong.
    if mode.is_positive or operation.get("parameters") or "requestBody" in operation
]
SLOW = {f"{PREFIX}/plan"}
"""Reads the whole landing: a tenth of the requests."""
SIGN = "X-Sign-As-The-Vendor"


@pytest.fixture(scope="module")
def api(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    settings = demo.copied(tmp_path_factory.mktemp(CANARY) / "home")
    settings.stripe = settings.stripe.model_copy(update={"webhook_secret": SecretStr(STRIPE_SECRET)})
    settings.hubspot = settings.hubspot.model_copy(update={"client_secret": SecretStr(HUBSPOT_SECRET)})
    settings.server = settings.server.model_copy(update={"public_url": PUBLIC_URL})
    made = caller(settings)
    made.app.wsgi_app = signed(made.app.wsgi_app)  # type: ignore[assignment,method-assign]
    yield made
    made.services.close()


Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


def signed(app: Wsgi) -> Wsgi:
    """Sign what asks for it as its vendor does: a signature is over the bytes that are sent."""

    def sign(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        if f"HTTP_{SIGN.upper().replace('-', '_')}" in environ:
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            uri = f"{PUBLIC_URL}/webhooks/hubspot"
            uri += f"?{environ['QUERY_STRING']}" if environ["QUERY_STRING"] else ""
            shown = {
                **stripe_headers(STRIPE_SECRET, body, time.time()),
                **hubspot_headers(HUBSPOT_SECRET, uri, body, time.time()),
            }
            del shown["Content-Type"]
            environ |= {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in shown.items()}
            environ["wsgi.input"] = io.BytesIO(body)
        return app(environ, start)

    return sign


load_all_checks()
# A month that there are no figures for is refused although its form is right.
UNTRUE: list[Any] = [checks.positive_data_acceptance]


def without_security(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document for a caller whose token goes with every request; others test strangers."""
    for item in document["paths"].values():
        for operation in item.values():
            del operation["security"]
    del document["components"]["securitySchemes"]
    return document


@pytest.mark.slow
@pytest.mark.parametrize("method, path, mode", OPERATIONS)
def test_answers_keep_to_the_document(api: Caller, method: str, path: str, mode: Mode) -> None:
    schema = schemathesis.openapi.from_dict(without_security(openapi.document(ROUTES)))
    schema.app = api.app
    operation = schema[path][method.upper()]
    share = max(1, EXAMPLES // (len(OPERATIONS) * (10 if path in SLOW else 1)))
    known = json.loads(api("/accounts").data)["rows"][0]["account_id"]
    sent, taken = 0, set[int]()

    @settings(CALM, max_examples=share)
    @given(case=operation.as_strategy(generation_mode=mode))
    def keeps(case: schemathesis.Case[Any]) -> None:
        nonlocal sent
        if mode.is_positive and sent % 3 == 0 and "account_id" in case.path_parameters:
            case.path_parameters["account_id"] = known
        began = time.process_time()
        answer = case.call(headers={**api.headers, SIGN: "yes"})
        assert time.process_time() - began < LONGEST
        case.validate_response(answer, excluded_checks=UNTRUE)
        assert CANARY not in answer.text
        sent += 1
        taken.add(answer.status_code)

    keeps()
    assert sent > 0
    if mode.is_positive and share > 20:
        assert taken & {200, 201, 409} or path == f"{PREFIX}/apply"


WORDS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["../../etc/passwd", "%2e%2e%2f", "%00", "\x00", "' OR 1=1 --", "{{7*7}}", "<script>", "=cmd|'/c'!A1"]
    ),
    st.text(alphabet="%0123456789abcdefABCDEF&=+;#?/\\", max_size=30),
    st.builds(operator.mul, st.text(string.printable, min_size=1, max_size=9), st.integers(100, 1_000)),
)
PATHS = [PREFIX + route.path.replace("{account_id}", "cus_1") for route in ROUTES]
OTHERS = [
    "/webhooks/usage",
    "/webhooks/stripe",
    "/webhooks/hubspot",
    "/healthz",
    "/readyz",
    "/metrics",
    "/",
    "*",
]
NAMES = sorted({parameter.name for route in ROUTES for parameter in route.parameters})
QUERIES = st.one_of(
    st.lists(st.tuples(st.sampled_from(NAMES) | WORDS, WORDS), max_size=5).map(
        lambda pairs: "&".join(f"{name}={value}" for name, value in pairs)
    ),
    WORDS,
    st.integers(100, 5_000).map(lambda count: "band=red&" * count),
)
DEEP = st.integers(100, 4_900).map(lambda depth: b"[" * depth + b"]" * depth)
BODIES = st.one_of(
    st.binary(max_size=200),
    DEEP,
    st.integers(100, 2_000).map(lambda depth: b'{"plan_hash":' * depth),
    st.recursive(st.none() | st.floats() | st.text(max_size=9), st.lists).map(
        lambda one: json.dumps(one).encode()
    ),
    st.just(b'{"plan_hash": "' + b"0" * 64 + b'", "plan_hash": "' + b"1" * 64 + b'"}'),
    st.integers(9_990, 1_100_000).map(lambda size: b" " * size),
)
TYPES = st.sampled_from(
    [
        "application/json",
        "application/json; charset=utf-16",
        "text/plain",
        "multipart/form-data",
        "",
        "a/b;;=\x7f",
    ]
)
HEADERS = st.dictionaries(
    st.sampled_from(
        ["HTTP_ACCEPT", "HTTP_IF_NONE_MATCH", "HTTP_X_REQUEST_ID", "HTTP_HOST", "HTTP_X_FORWARDED_FOR",
         "HTTP_ORIGIN", "HTTP_COOKIE", "HTTP_TRANSFER_ENCODING", "HTTP_RANGE", "HTTP_X_HTTP_METHOD_OVERRIDE",
         "HTTP_ACCEPT_ENCODING", "HTTP_X_HUBSPOT_SIGNATURE_V3", "HTTP_STRIPE_SIGNATURE"]
    ),
    WORDS.map(lambda text: text.encode()[:2_000].decode("latin-1")),
    max_size=4,
)  # fmt: skip
METHODS = st.sampled_from(
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", "X"]
)


def latin(text: str) -> str:
    """Return text as WSGI has it: its bytes, one character each."""
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


@CALM
@given(
    method=METHODS,
    path=st.one_of(
        st.sampled_from(PATHS + OTHERS), WORDS.map(lambda word: f"{PREFIX}/accounts/{word}"), WORDS
    ),
    query=QUERIES,
    headers=HEADERS,
    body=BODIES,
    kind=TYPES,
    known=st.sampled_from(["token", "token", "stranger", "junk"]),
    junk=WORDS,
)
def test_raw_requests_break_nothing(
    api: Caller,
    method: str,
    path: str,
    query: str,
    headers: dict[str, str],
    body: bytes,
    kind: str,
    known: str,
    junk: str,
) -> None:
    shown = {"token": api.headers["Authorization"], "junk": latin(f"Bearer {junk}")}
    # POST /plan with a token makes one each time: the other test does that.
    if known == "token" and path == f"{PREFIX}/plan":
        known = "junk"
    answer = send(api, method, latin(path), latin(query), headers, body, kind, shown.get(known))
    check(method, known == "token", *answer)


def send(
    api: Caller,
    method: str,
    path: str,
    query: str,
    headers: dict[str, str],
    body: bytes,
    kind: str,
    authorization: str | None,
) -> tuple[int, dict[str, str], bytes, float]:
    """Send what no client would; return status, headers, body and seconds."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path if path.startswith("/") else f"/{path}",
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "203.0.113.9",
        "CONTENT_TYPE": kind,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        **headers,
    }
    if authorization is not None:
        environ["HTTP_AUTHORIZATION"] = authorization
    began = time.process_time()
    chunks, status, sent = run_wsgi_app(api.app, environ, buffered=True)
    return int(status[:3]), dict(sent), b"".join(chunks), time.process_time() - began


def check(
    method: str, is_known: bool, status: int, headers: dict[str, str], body: bytes, seconds: float
) -> None:
    """Hold an answer against what every answer must be."""
    assert status < 500 or status == 503, (status, body)
    assert seconds < LONGEST
    assert CANARY.encode() not in body
    assert b"Traceback" not in body
    assert not [value for value in headers.values() if "\r" in value or "\n" in value]
    assert headers["X-Content-Type-Options"] == "nosniff"
    if status >= 400 and method != "HEAD":
        assert set(json.loads(body)) >= {"error", "hint"} or status == 503
    if not is_known:
        assert b"account_id" not in body
