"""Signatures of webhooks, held against published examples and the vendors' own helpers."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import stripe
from hubspot.utils.signature import Signature  # type: ignore[import-untyped]
from hypothesis import example, given
from hypothesis import strategies as st

from connectors.hubspot import signature as of_hubspot
from connectors.signatures import secrets_of
from connectors.stripe import signature as of_stripe
from sandbox.webhooks import hubspot_signature_v3, stripe_signature

VECTORS = json.loads((Path(__file__).parent / "vectors" / "webhook_signatures.json").read_text())
STRIPE: list[dict[str, Any]] = VECTORS["stripe"]
HUBSPOT: list[dict[str, Any]] = VECTORS["hubspot_v3"]
REASONS = {None, "no_secret", "missing", "malformed", "stale", "future", "mismatch"}


@pytest.mark.parametrize("case", STRIPE)
def test_stripe_as_published(case: dict[str, Any]) -> None:
    body, header, secret, t = case["payload"].encode(), case["header"], case["secret"], case["t"]

    def check(body: bytes = body, header: str | None = header, secret: str = secret, at: int = t) -> Any:
        return of_stripe.check_signature(body, header, [secret], at)

    assert check() is None
    assert [check(at=t + late) for late in (299, 300, 301)] == [None, None, "stale"]
    # The vendor's client believes any future; nobody can know a signature of tomorrow but by a wrong clock.
    assert [check(at=t - early) for early in (300, 301, 100_000)] == [None, "future", "future"]
    assert check(secret="whsec_other") == "mismatch"
    assert check(body=body[:-1] + b" ") == "mismatch"
    assert check(header=header.replace("v1=", "v0=")) == "malformed"
    assert check(header=header.replace(",v1=", f",v1={'0' * 64},v1=")) is None
    assert check(header=None) == "missing"


@pytest.mark.parametrize("case", HUBSPOT)
def test_hubspot_as_published(case: dict[str, Any]) -> None:
    body, uri, stamp = case["body"].encode(), case["uri_as_received"], case["timestamp_ms"]
    sent = int(stamp) / 1000

    def check(body: bytes = body, uri: str = uri, at: float = sent) -> Any:
        return of_hubspot.check_signature(
            body, case["signature"], stamp, [case["client_secret"]], method="POST", uri=uri, now=at
        )

    assert check() is None
    assert check(uri=case["uri_signed"]) is None
    assert [check(at=sent + late) for late in (299, 300)] == [None, "stale"]
    assert [check(at=sent - early) for early in (299, 300, 86_400)] == [None, "future", "future"]
    assert check(body=body + b" ") == "mismatch"
    assert check(uri=uri + "/") == "mismatch"
    assert (
        of_hubspot.check_signature(body, case["signature"], None, ["s"], method="POST", uri=uri, now=sent)
        == "missing"
    )


def test_old_and_new_secret_hold_during_a_change() -> None:
    header = stripe_signature("old", b"{}", 1000)
    assert secrets_of(" new, old ,") == ("new", "old")
    assert of_stripe.check_signature(b"{}", header, secrets_of("new,old"), 1000) is None
    assert of_stripe.check_signature(b"{}", header, secrets_of("new"), 1000) == "mismatch"
    assert of_stripe.check_signature(b"{}", header, secrets_of(" , "), 1000) == "no_secret"
    assert of_stripe.check_signature(b"{}", header, secrets_of(None), 1000) == "no_secret"


@given(body=st.text().map(str.encode), secret=st.text("abcXYZ0123_", min_size=1))
def test_stripes_helper_agrees_on_what_is_right(body: bytes, secret: str) -> None:
    at = int(time.time())
    header = stripe_signature(secret, body, at)
    assert of_stripe.check_signature(body, header, [secret], at) is None
    assert stripe.WebhookSignature.verify_header(body.decode(), header, secret, 300)


@given(body=st.text(), secret=st.text("abcXYZ0123_", min_size=1), path=st.text("abc/-_.", max_size=20))
def test_hubspots_helper_agrees_on_what_is_right(body: str, secret: str, path: str) -> None:
    stamp = int(time.time() * 1000)
    uri = "https://hooks.example.com/" + path
    header = hubspot_signature_v3(secret, "POST", uri, body.encode(), stamp)
    told = of_hubspot.check_signature(
        body.encode(), header, str(stamp), [secret], method="POST", uri=uri, now=stamp / 1000
    )
    assert told is None
    assert Signature.is_valid(header, secret, body, uri, "POST", "v3", str(stamp))


HOSTILE = st.one_of(
    st.none(),
    st.text(),
    st.binary().map(lambda raw: raw.decode("latin-1")),
    st.sampled_from(["t=,v1=", "t=1,v1=é", "t=٣,v1=ab", "t=1\0,v1=\0", "t=-1,v1=a", "v1=a", "\ud800"]),
    st.integers().map(lambda t: f"t={t},v1=" + "a" * 64),
    st.lists(st.text("tv01=,", max_size=9), max_size=50).map(",".join),
)


@given(body=st.binary(max_size=200), header=HOSTILE)
@example(b"", "t=" + "9" * 5000 + ",v1=a")
@example(b"", "t=1," + "v1=a," * 100_000)
@example(b'{"a":' * 50_000, "t=1,v1=a")
def test_stripe_refuses_the_hostile_in_one_word(body: bytes, header: str | None) -> None:
    assert of_stripe.check_signature(body, header, ["whsec_1", "whsec_2"], 1.0) in REASONS - {None}


@given(body=st.binary(max_size=200), header=HOSTILE, stamp=HOSTILE, uri=st.text())
@example(b"", "a", "9" * 5000, "")
@example(b"", "a" * 100_000, "1000", "%zz\ud800")
def test_hubspot_refuses_the_hostile_in_one_word(
    body: bytes, header: str | None, stamp: str | None, uri: str
) -> None:
    told = of_hubspot.check_signature(body, header, stamp, ["one"], method="POST", uri=uri, now=1.0)
    assert told in REASONS - {None}
