"""``saaskpi history``, ``dead-letters``, ``alerts`` and ``erase``, as a person types them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.cli import CommandLine
from tests.support.mail import mail_server
from warehouse.alerts import AlertLog
from warehouse.history import History
from warehouse.inbox import Event, Inbox
from warehouse.store import Store

NOW = datetime(2026, 10, 31, 8, 0, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home in which a few things went wrong."""
    home = tmp_path / ".saaskpi"
    with Store.open(home / "saaskpi.db") as store:
        history = History(store.engine)
        counts = {"hubspot_calls": 3, "stripe_customers": 900, "stripe_invoices": 12_000, "x": 1, "y": 2}
        history.end(
            history.begin("pull", "nightly", "ab12", NOW), NOW + timedelta(seconds=90), "done", counts
        )
        failed = history.begin("apply", "command", "cd34", NOW + timedelta(minutes=5))
        history.end(failed, NOW + timedelta(minutes=6), "failed", {}, "HubSpot does not answer.")
        inbox = Inbox(store.engine)
        inbox.add([Event("stripe", f"evt_{n}", "invoice.paid", b"{}", NOW) for n in range(3)])
        inbox.bury([1, 2], "KeyError")
        refusal = {"object_type": "companies", "object_id": "77", "reason": "archived", "run_id": "a"}
        store.record_failures([{**refusal, "failed_at": NOW}])
        AlertLog(store.engine).raise_("run_failed", "apply", "HubSpot does not answer.", NOW, tell=False)
    return home


def test_history_tells_each_stage(saaskpi: CommandLine, home: Path) -> None:
    del home
    shown = saaskpi("history").out
    assert "stripe_invoices 12,000, stripe_customers 900, hubspot_calls" in shown
    assert "90.0" in shown
    rows = json.loads(saaskpi("history", "--json", "--limit", "2").out)
    assert [(row["stage"], row["status"], row["seconds"]) for row in rows] == [
        ("apply", "failed", 60.0),
        ("pull", "done", 90.0),
    ]
    failed = json.loads(saaskpi("history", "--failed", "--json").out)
    assert [row["error"] for row in failed] == ["HubSpot does not answer."]


def test_dead_letters_are_put_back_or_dropped(saaskpi: CommandLine, home: Path) -> None:
    rows = json.loads(saaskpi("dead-letters", "--json").out)
    assert sorted(row["id"] for row in rows) == ["companies:77", "event:1", "event:2"]
    assert "archived" in saaskpi("dead-letters").out
    assert saaskpi("dead-letters", "--retry", "event:9").code == 2
    assert saaskpi("dead-letters", "--retry", "event:1", "--drop", "all").code == 2
    assert "1 dead letter put back" in saaskpi("dead-letters", "--retry", "event:1").out
    assert "2 dead letters dropped" in saaskpi("dead-letters", "--drop", "all").out
    assert "no dead letters" in saaskpi("dead-letters").out
    with Store.open(home / "saaskpi.db") as store:
        claimed = Inbox(store.engine).claim("me", datetime.now(UTC), 10, timedelta(minutes=1))
        assert sorted(row.id for row in claimed) == [1, 3]
    actions = [row["action"] for row in json.loads(saaskpi("audit", "--json").out)]
    assert actions == ["dead-letters drop", "dead-letters retry", "dead-letters retry"]


def test_alerts_are_listed(saaskpi: CommandLine, home: Path) -> None:
    del home
    assert "HubSpot does not answer." in saaskpi("alerts", "list").out
    (row,) = json.loads(saaskpi("alerts", "list", "--json").out)
    assert (row["kind"], row["over_at"], row["sent_at"]) == ("run_failed", None, None)


def test_alerts_are_tried_out(saaskpi: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert saaskpi("alerts", "test").code == 2
    with mail_server() as mail:
        monkeypatch.setenv("SAASKPI_ALERTS__EMAIL_TO", '["ops@example.com"]')
        monkeypatch.setenv("SAASKPI_ALERTS__SMTP_PORT", str(mail.port))
        assert saaskpi("alerts", "test").out == "email: sent\n"
        assert mail.messages[0]["Subject"] == "saaskpi: A test"
        mail.refuses = True
        ended = saaskpi("alerts", "test")
        assert ended.code == 1
        assert "Mend the settings" in ended.err


def test_a_failed_command_from_cron_is_told(saaskpi: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    with mail_server() as mail:
        monkeypatch.setenv("SAASKPI_ALERTS__EMAIL_TO", '["ops@example.com"]')
        monkeypatch.setenv("SAASKPI_ALERTS__SMTP_PORT", str(mail.port))
        for _ in range(2):
            assert saaskpi("pull").code == 2
        (message,) = mail.messages
        assert message["Subject"] == "saaskpi: A run failed"
        assert "No Stripe API key is set." in message.get_content()


def test_erase_says_what_it_finds(saaskpi: CommandLine, home: Path) -> None:
    contact = "30000000119"
    with Store.open(home / "saaskpi.db") as store:
        body = json.dumps({"subscriptionType": "contact.creation", "objectId": int(contact)}).encode()
        Inbox(store.engine).add([Event("hubspot", "h", "contact.creation", body, NOW)])
    assert saaskpi("erase").code == 2
    assert saaskpi("erase", "ann@example.com").code == 2
    told = saaskpi("erase", contact, "--dry-run").out
    assert told == "store.inbox: 1 row\n1 row in 1 place would be changed or deleted.\n"
    erased = json.loads(saaskpi("erase", contact, "--json").out)
    assert erased == {"finished": True, "places": {"store.inbox": 1}, "companies": []}
    assert saaskpi("erase", contact).out == "0 rows in 0 places changed or deleted.\n"
    assert saaskpi("erase", "--finish").out == "Done.\n"
    assert contact.encode() not in (home / "saaskpi.db").read_bytes()
