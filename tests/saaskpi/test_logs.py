"""Logs: one JSON object a line, and neither secrets nor people in it, whoever writes."""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saaskpi.settings import HubSpotSettings, Settings, StoreSettings, StripeSettings
from saaskpi.watching import redaction
from saaskpi.watching.logs import JsonFormatter, configure
from saaskpi.watching.redaction import keep_secret, redacted
from tests.support.cli import CommandLine, logs_as_before

SECRETS = (
    "sk_live_51AbCdEfGhIjKlMn",
    "rk_test_9aZ8yX7wV6",
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "pat-na1-1234abcd-12ab-34cd-56ef-1234567890ab",
    "pat-eu1-1234abcd-12ab-34cd-56ef-1234567890ab",
    "saaskpi_" + "a1B2" * 12 + "c",
    "ann.o'neil+test@mail.example.co.uk",
)


@pytest.fixture
def _known_secrets() -> Iterator[None]:
    before = redaction._configured
    yield
    redaction._configured = before


@pytest.fixture
def log(_known_secrets: None) -> Iterator[io.StringIO]:
    out = io.StringIO()
    with logs_as_before():
        configure("json", ["hunter2-hunter2", "old-secret,new-secret"], out)
        yield out


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_line_has_the_fields_that_machines_look_for(log: io.StringIO) -> None:
    extra = {"event": "stage", "stage": "pull", "run_id": "ab12", "counts": {"customers": 3}, "seconds": 1.5}
    logging.getLogger("saaskpi.somewhere").info(
        "stage %s: done", "pull", extra={**extra, "other": "left out"}
    )
    (line,) = lines(log)
    assert line.pop("ts").endswith("Z")
    assert line == {
        "level": "info",
        "logger": "saaskpi.somewhere",
        "message": "stage pull: done",
        **extra,
    }


@pytest.mark.parametrize("secret", [*SECRETS, "hunter2-hunter2", "old-secret", "new-secret"])
@pytest.mark.parametrize(
    "logger", ["waitress", "urllib3.connectionpool", "apscheduler.scheduler", "sqlalchemy"]
)
def test_no_logger_tells_a_secret(log: io.StringIO, logger: str, secret: str) -> None:
    told = logging.getLogger(logger)
    told.error("refused: %s", secret, extra={"object_id": secret, "counts": {secret: 1}})
    try:
        raise ValueError(f"could not use {secret!r}")  # noqa: TRY301
    except ValueError:
        told.exception("it failed")
    assert secret not in log.getvalue()
    assert len(lines(log)) == 2


@pytest.mark.parametrize(
    "text, secret",
    [
        ("Authorization: Bearer abc.def-ghi", "abc.def-ghi"),
        ('{"authorization": "Bearer abc.def-ghi"}', "abc.def-ghi"),
        ("Authorization: Basic c2tfbGl2ZV8xMjM6", "c2tfbGl2ZV8xMjM6"),
        ("postgresql+psycopg://kpi:p4ss-w0rd@db.example/kpi", "p4ss-w0rd"),
        ("postgresql+psycopg://kpi:p@ss@db.example/kpi", "p@ss"),
        ("password=p4ssw0rd; user=kpi", "p4ssw0rd"),
        ('"client_secret": "0b1c2d3e"', "0b1c2d3e"),
        ("https://hooks.example/x?api_key=12345&b=2", "12345"),
        ("GET /contacts/ann%40example.com", "ann%40example.com"),
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str, secret: str) -> None:
    assert secret not in redacted(text)


@pytest.mark.parametrize(
    "text",
    [
        "The property saaskpi_scheduled_churn_mrr_of_companies is missing.",
        "plan 3f2a: 12 companies, 3 tasks (2026-10-31)",
        "Set STRIPE_API_KEY, run: saaskpi init",
        "acct_123 cus_456 sub_789 in https://api.stripe.com/v1/customers?limit=100",
        "--yes-change 120",
    ],
)
def test_other_words_stay(text: str) -> None:
    assert redacted(text) == text


@given(
    st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=8), st.text(), st.text()
)
def test_a_configured_value_is_found_wherever_it_stands(secret: str, before: str, after: str) -> None:
    known = redaction._configured
    try:
        keep_secret([secret])
        assert secret.strip() not in redacted(before + secret + after).replace(redaction.MASK, "")
    finally:
        redaction._configured = known


def test_every_secret_of_the_settings_is_known() -> None:
    settings = Settings(
        stripe=StripeSettings.model_validate({"api_key": "sk-1", "webhook_secret": "w-1"}),
        hubspot=HubSpotSettings.model_validate({"access_token": "h-1", "client_secret": "c-1"}),
        store=StoreSettings.model_validate({"url": "postgresql+psycopg://u:p%40w@h/d"}),
    )
    assert set(settings.secrets()) == {"sk-1", "w-1", "h-1", "c-1", "p@w", "postgresql+psycopg://u:p%40w@h/d"}


def test_a_thread_that_ends_is_told_without_its_values(log: io.StringIO) -> None:
    def work() -> None:
        raise RuntimeError("ann@example.com and hunter2-hunter2")

    thread = threading.Thread(target=work, name="worker")
    thread.start()
    thread.join()
    (line,) = lines(log)
    assert (line["logger"], line["level"], line["error"]) == (
        "worker",
        "error",
        "RuntimeError: [e-mail] and [secret]",
    )
    assert line["trace"]


def test_a_message_that_does_not_fit_its_arguments_is_written_all_the_same() -> None:
    record = logging.makeLogRecord({"msg": "%d of %d", "args": ("many",)})
    assert json.loads(JsonFormatter().format(record))["message"] == "%d of %d"


@pytest.mark.parametrize("style", ["text", "json"])
@pytest.mark.usefixtures("_known_secrets")
def test_a_library_that_sets_its_own_level_stays_quiet(style: Literal["text", "json"]) -> None:
    out = io.StringIO()
    sdk = logging.getLogger("singer_sdk.metrics")
    with logs_as_before():
        configure(style, stream=out)
        sdk.setLevel(logging.INFO)  # as every tap does when it is made
        try:
            sdk.info("METRIC: 1")
            sdk.warning("this counts")
        finally:
            sdk.setLevel(logging.NOTSET)
    assert "METRIC" not in out.getvalue()
    assert "this counts" in out.getvalue()


def test_json_tells_the_stages_of_a_command_and_text_does_not(saaskpi: CommandLine) -> None:
    ended = saaskpi("--log-format", "json", "pull")
    assert ended.code == 2
    told = [json.loads(line) for line in ended.err.splitlines() if line.startswith("{")]
    assert [(line["event"], line["stage"], line["status"]) for line in told] == [("stage", "pull", "failed")]
    assert "stage" not in saaskpi("pull").err
