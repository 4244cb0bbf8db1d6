"""Alerts: told once until it is over, over real SMTP and HTTP; channels that fail are tried again."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pydantic import SecretStr

from connectors.touched import Touched
from saaskpi.errors import (
    AccessError,
    NeedsPersonError,
    SaaskpiError,
    StoreError,
    UnavailableError,
    UsageError,
)
from saaskpi.pipeline import Pipeline
from saaskpi.progress import Silent
from saaskpi.settings import AlertSettings, Settings
from saaskpi.watching.alerts import ATTEMPTS, Alerts, SignatureAlerts, StageAlerts
from saaskpi.watching.channels import ChannelError, EmailChannel, WebhookChannel, channels_of
from saaskpi.watching.recorded import RecordedStages
from saaskpi.watching.watched import WatchedPipeline
from tests.support.mail import MailServer, mail_server
from warehouse.alerts import KEPT_FOR, AlertLog
from warehouse.history import History
from warehouse.store import Store

NOW = datetime(2026, 10, 31, 8, 0, tzinfo=UTC)


@dataclass
class Clock:
    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def later(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass
class Kept:
    """A channel in memory."""

    name: str = "kept"
    broken: bool = False
    sent: list[tuple[str, str]] = field(default_factory=list)

    def send(self, title: str, text: str) -> None:
        if self.broken:
            raise ChannelError("It does not answer.")
        self.sent.append((title, text))


@dataclass
class Hook:
    """A chat tool's webhook: its URL, what it got, what it answers, and whether it may answer yet."""

    url: str = ""
    got: list[dict[str, str]] = field(default_factory=list)
    status: int = 200
    location: str = ""
    may_answer: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def hook() -> Iterator[Hook]:
    kept = Hook()
    kept.may_answer.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            kept.may_answer.wait(60)
            kept.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(kept.status)
            if kept.location:
                self.send_header("Location", kept.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        kept.url = f"http://127.0.0.1:{server.server_address[1]}/hooks/T0/secret-part"
        yield kept
        server.shutdown()
        thread.join()


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


@pytest.fixture
def log(store: Store) -> AlertLog:
    return AlertLog(store.engine)


@pytest.fixture
def clock() -> Clock:
    return Clock()


class Quiet(Alerts):
    """Tells only when it is asked to."""

    def start(self) -> None:
        pass


def test_the_same_trouble_is_told_once_until_it_is_over(log: AlertLog, clock: Clock) -> None:
    kept = Kept()
    alerts = Quiet(lambda: log, [kept], clock)
    for _ in range(3):
        alerts.raise_("run_failed", "pull", "pull: Stripe does not answer.")
        alerts.deliver()
        clock.later(minutes=15)
    alerts.raise_("run_failed", "apply", "apply: HubSpot does not answer.")
    alerts.over("run_failed", "pull")
    alerts.over("run_failed", "pull")
    alerts.deliver()
    assert kept.sent == [
        ("saaskpi: A run failed", "pull: Stripe does not answer.\nSince 2026-10-31 08:00 UTC."),
        ("saaskpi: over: A run failed", "Over since 2026-10-31 08:45 UTC: pull: Stripe does not answer."),
        ("saaskpi: A run failed", "apply: HubSpot does not answer.\nSince 2026-10-31 08:45 UTC."),
    ]
    alerts.raise_("run_failed", "pull", "pull: again")
    assert alerts.deliver() == (1, 0)


def test_two_processes_raise_and_tell_it_once(log: AlertLog, clock: Clock) -> None:
    kept = Kept()
    ours, theirs = Quiet(lambda: log, [kept], clock), Quiet(lambda: log, [kept], clock)
    ours.raise_("dead_letters", "inbox", "3 events")
    theirs.raise_("dead_letters", "inbox", "3 events")
    claimed = log.claim(clock(), timedelta(minutes=5))
    assert len(claimed) == 1
    assert theirs.deliver() == (0, 0)
    clock.later(minutes=6)  # whoever had claimed it was killed
    assert theirs.deliver() == (1, 0)
    assert len(kept.sent) == 1


def test_a_channel_that_fails_is_tried_again_and_the_others_are_told_once(
    log: AlertLog, clock: Clock
) -> None:
    good, bad = Kept("good"), Kept("bad", broken=True)
    alerts = Quiet(lambda: log, [bad, good], clock)
    alerts.raise_("run_failed", "pull", "no")
    assert alerts.deliver() == (0, 1)
    assert alerts.deliver() == (0, 0)
    (row,) = log.recent()
    assert row["error"] == "bad: It does not answer."
    clock.later(minutes=1)
    bad.broken = False
    assert alerts.deliver() == (1, 0)
    assert (len(good.sent), len(bad.sent)) == (1, 1)
    assert log.waiting() == 0


def test_what_is_over_while_a_channel_fails_is_told_as_over(log: AlertLog, clock: Clock) -> None:
    kept = Kept(broken=True)
    alerts = Quiet(lambda: log, [kept], clock)
    alerts.raise_("run_failed", "pull", "no answer")
    alerts.deliver()
    alerts.over("run_failed", "pull")
    kept.broken = False
    alerts.deliver()
    assert [title for title, _ in kept.sent] == ["saaskpi: over: A run failed"]


def test_a_dead_channel_is_given_up(log: AlertLog, clock: Clock) -> None:
    alerts = Quiet(lambda: log, [Kept(broken=True)], clock)
    alerts.raise_("run_failed", "pull", "no")
    failed = 0
    for _ in range(ATTEMPTS + 5):
        failed += alerts.deliver()[1]
        clock.later(hours=3)
    assert failed == ATTEMPTS
    assert log.waiting() == 0


def test_bands_are_told_in_one_digest_when_the_day_is_over(log: AlertLog, clock: Clock) -> None:
    kept = Kept()
    alerts = Quiet(lambda: log, [kept], clock)
    change = {"account_id": "17", "name": "Ann Smith", "before": "green", "band": "red"}
    alerts.band_changes([])
    alerts.band_changes([{**change, "score_before": 80, "score": 31}])
    clock.later(hours=2)
    alerts.band_changes([{**change, "account_id": "18", "score_before": 70, "score": 35}])
    assert alerts.deliver() == (0, 0)
    clock.later(hours=15)
    assert alerts.deliver() == (1, 0)
    assert kept.sent == [
        (
            "saaskpi: Health bands changed",
            "17: green to red, 80 to 31 points\n18: green to red, 70 to 35 points",
        )
    ]
    alerts.band_changes([{**change, "score_before": 80, "score": 31}])
    clock.later(days=1)
    assert alerts.deliver() == (1, 0)


@pytest.mark.parametrize("error", [None, NeedsPersonError("Too many."), UnavailableError("HubSpot is away.")])
def test_bands_of_a_refresh_are_told_whatever_becomes_of_its_writes(
    log: AlertLog, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: SaaskpiError | None
) -> None:
    class Computed:
        is_worn = False
        band_changes = (
            {"account_id": "17", "before": "green", "band": "red", "score_before": 80, "score": 31},
        )

        def refresh(self, *_: object) -> None:
            if error is not None:
                raise error

    kept = Kept()
    settings = Settings(home=tmp_path / "home")
    alerts = Quiet(lambda: log, [kept], clock)
    pipeline = WatchedPipeline(settings, clock, Silent(), "webhook", alerts)
    monkeypatch.setattr(Pipeline, "_refresher", Computed())
    with nullcontext() if error is None else pytest.raises(type(error)):
        pipeline.refresh(Touched())
    clock.later(days=1)
    alerts.deliver()
    assert kept.sent == [("saaskpi: Health bands changed", "17: green to red, 80 to 31 points")]


def test_stages_raise_and_end_what_goes_wrong(store: Store, log: AlertLog, clock: Clock) -> None:
    kept = Kept()
    alerts = Quiet(lambda: log, [kept], clock)
    stages = RecordedStages(Silent(), lambda: History(store.engine), "nightly", clock, StageAlerts(alerts))
    for error in (
        AccessError("HubSpot refused the token pat-na1-12345678-abcd."),
        NeedsPersonError("Half of the companies would change.", hint="saaskpi apply --yes-change 60"),
        UnavailableError("ann@example.com is not reachable."),
        KeyError("ann@example.com"),
    ):
        with pytest.raises(type(error)), stages.stage("apply"):
            raise error
    with pytest.raises(KeyboardInterrupt), stages.stage("pull"):
        raise KeyboardInterrupt
    alerts.deliver()
    told = "\n".join(f"{title}: {text}" for title, text in kept.sent)
    assert [title.removeprefix("saaskpi: ") for title, _ in kept.sent] == [
        "A key is refused",
        "A person must decide",
        "A run failed",
    ]
    assert "--yes-change 60" in told
    assert "pat-na1" not in told
    assert "example.com" not in told
    with pytest.raises(NeedsPersonError), stages.stage("reconcile"):
        raise NeedsPersonError("MRR does not reconcile.")
    assert log.recent()[0]["kind"] == "mrr_not_reconciled"
    for title in ("apply", "reconcile"):
        with stages.stage(title):
            pass
    assert alerts.deliver() == (4, 0)
    assert all(row["over_at"] for row in log.recent())


def test_many_wrong_signatures_are_told_and_one_that_passes_ends_it(log: AlertLog, clock: Clock) -> None:
    alerts = Quiet(lambda: log, [Kept()], clock)
    watch = SignatureAlerts(alerts, clock, limit=5, window=timedelta(minutes=10))
    for _ in range(4):
        watch.note("stripe", accepted=False)
    clock.later(minutes=11)
    for _ in range(4):
        watch.note("stripe", accepted=False)
        watch.note("hubspot", accepted=True)
    assert log.recent() == []
    for _ in range(50):
        watch.note("stripe", accepted=False)
    (row,) = log.recent()
    assert (row["kind"], row["about"]) == ("signatures_failing", "stripe")
    watch.note("stripe", accepted=True)
    assert log.recent()[0]["over_at"] is None
    clock.later(minutes=11)
    watch.note("stripe", accepted=True)
    assert log.recent()[0]["over_at"] == clock()


def test_a_store_that_cannot_be_written_breaks_nothing(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> AlertLog:
        raise StoreError("The disk is full.")

    Quiet(broken, [Kept()], clock).raise_("run_failed", "pull", "no")
    assert "could not be kept" in caplog.text


def test_old_alerts_are_forgotten_open_ones_stay(log: AlertLog, clock: Clock) -> None:
    alerts = Quiet(lambda: log, [], clock)
    alerts.raise_("run_failed", "pull", "old", NOW - 2 * KEPT_FOR)
    alerts.over("run_failed", "pull", NOW - 2 * KEPT_FOR)
    alerts.raise_("run_failed", "apply", "old but open", NOW - 2 * KEPT_FOR)
    assert log.prune(NOW) == 1
    assert [row["about"] for row in log.recent()] == ["apply"]
    assert log.waiting() == 0


def test_an_email_and_a_webhook_arrive_without_holding_the_caller_up(
    log: AlertLog, mail: MailServer, hook: Hook
) -> None:
    settings = AlertSettings(
        webhook_url=SecretStr(hook.url),
        email_to=["ops@example.com", "boss@example.com"],
        smtp_host="127.0.0.1",
        smtp_port=mail.port,
    )
    alerts = Alerts(lambda: log, channels_of(settings), lambda: datetime.now(UTC))
    hook.may_answer.clear()
    alerts.raise_("run_failed", "pull", "Zoë's run\n.failed, ask ann@example.com")
    assert hook.got == [], "nobody has waited for the answer"
    hook.may_answer.set()
    alerts.close()
    assert hook.got[0]["text"].startswith("saaskpi: A run failed\nZoë's run\n.failed, ask [e-mail]\nSince ")
    (message,) = mail.messages
    assert message["Subject"] == "saaskpi: A run failed"
    assert message.get_content().replace("\r", "").startswith("Zoë's run\n.failed, ask [e-mail]\n")
    assert mail.receivers == ["ops@example.com", "boss@example.com"]


def test_failures_of_both_are_one_kind_and_name_no_secret(mail: MailServer, hook: Hook) -> None:
    mail.refuses, hook.status = True, 500
    email = EmailChannel(
        AlertSettings(email_to=["a@example.com"], smtp_host="127.0.0.1", smtp_port=mail.port)
    )
    for channel in (email, WebhookChannel(hook.url), WebhookChannel("http://127.0.0.1:9/secret-part")):
        with pytest.raises(ChannelError) as failed:
            channel.send("t", "text")
        assert "secret-part" not in str(failed.value)
        assert "example.com" not in str(failed.value)


def test_a_webhook_does_not_follow_to_another_place(hook: Hook) -> None:
    hook.status, hook.location = 307, "http://127.0.0.1:9/elsewhere"
    with pytest.raises(ChannelError, match="307"):
        WebhookChannel(hook.url).send("t", "text")
    assert len(hook.got) == 1


@pytest.mark.parametrize("url", ["http://chat.example/x", "ftp://chat.example/x", "chat.example", "https://"])
def test_only_https_or_this_machine(url: str) -> None:
    with pytest.raises(UsageError):
        WebhookChannel(url)


def test_a_password_is_not_sent_in_the_clear() -> None:
    settings = AlertSettings(email_to=["a@b.example"], smtp_host="mail.example", smtp_user="u")
    with pytest.raises(UsageError, match="readable"):
        EmailChannel(settings.model_copy(update={"smtp_password": SecretStr("p")}))
    EmailChannel(settings.model_copy(update={"smtp_password": SecretStr("p"), "smtp_tls": True}))
