"""What a new user meets first when something is wrong: one clear line, the right exit code, no traceback."""

from __future__ import annotations

import json
import socket
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pandas as pd
import pytest

from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.writer import HubSpotWriter
from crm_sync.properties import GROUP, GROUP_LABEL, definitions
from saaskpi.cli import cli
from saaskpi.settings import load
from tests.support.cli import CommandLine, Ended
from tests.support.kept import LARGER, Kept
from tests.support.spine import MakeSandbox
from warehouse.files import FileLock, make_directory

if TYPE_CHECKING:
    from sandbox import Sandbox

CANARY = "canary_8f2b"
OWN_FLAG = """
[[flags]]
flag = "big_and_quiet"
kind = "risk"
severity = "high"
when = "mrr >= 100_000 and days_since_touch > 60"
en = "{name} pays {mrr} and nobody was in touch for {days_since_touch} days."
"""
PointAt = Callable[["Sandbox"], None]
Begin = Callable[..., "Sandbox"]


@pytest.fixture
def point_at(monkeypatch: pytest.MonkeyPatch) -> PointAt:
    """Set the variables that point the command at a sandbox."""

    def point(sandbox: Sandbox) -> None:
        told = sandbox.describe()
        monkeypatch.setenv("SAASKPI_STRIPE__API_BASE", told["stripe"]["api_base"])
        monkeypatch.setenv("STRIPE_API_KEY", told["stripe"]["api_key"])
        monkeypatch.setenv("SAASKPI_HUBSPOT__API_BASE", told["hubspot"]["api_base"])
        monkeypatch.setenv("HUBSPOT_ACCESS_TOKEN", told["hubspot"]["access_token"])
        monkeypatch.setenv("SAASKPI_AS_OF", told["today"])

    return point


@pytest.fixture
def begin(kept: Kept, tmp_path: Path, point_at: PointAt) -> Begin:
    """Begin where a home was brought as far as a stage; it lies where the command looks for it."""

    def begun(upto: str, **company: Any) -> Sandbox:
        sandbox, _ = kept.begin(tmp_path / ".saaskpi", upto, **company)
        point_at(sandbox)
        return sandbox

    return begun


def assert_clear(ended: Ended, code: int, *words: str) -> None:
    """The last line is the error; it holds the words, and nothing else leaks."""
    assert ended.code == code, ended.err
    last = ended.err.strip().splitlines()[-1]
    assert last.startswith("Error: ")
    for word in words:
        assert word in last
    assert "Traceback" not in ended.err + ended.out
    assert CANARY not in ended.err + ended.out


@pytest.mark.parametrize("command", ["pull", "run"])
def test_no_settings_at_all(saaskpi: CommandLine, command: str) -> None:
    assert_clear(saaskpi(command), 2, "No Stripe API key", "STRIPE_API_KEY", "saaskpi demo")


@pytest.mark.parametrize("command", ["enrich", "plan", "accounts"])
def test_nothing_pulled_yet(saaskpi: CommandLine, command: str) -> None:
    assert_clear(saaskpi(command), 1, "saaskpi ")


def test_half_a_toml_file(saaskpi: CommandLine) -> None:
    Path("saaskpi.toml").write_text(f'[stripe]\napi_key = "{CANARY}', encoding="utf-8")
    assert_clear(saaskpi("pull"), 2, "saaskpi.toml", "not valid TOML")


def test_a_settings_file_that_is_not_there(saaskpi: CommandLine) -> None:
    assert_clear(saaskpi("pull", "--config", "nowhere.toml"), 2, "nowhere.toml", "saaskpi init")


def test_wrong_keys(
    saaskpi: CommandLine, make_sandbox: MakeSandbox, point_at: PointAt, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at(make_sandbox(customers=3, months=2))
    monkeypatch.setenv("STRIPE_API_KEY", f"sk_test_{CANARY}")
    assert_clear(saaskpi("pull"), 1, "Stripe", "refused the key", "STRIPE_API_KEY")
    point_at(make_sandbox(customers=3, months=2))
    monkeypatch.setenv("HUBSPOT_ACCESS_TOKEN", f"pat-{CANARY}")
    assert_clear(saaskpi("pull"), 1, "HubSpot", "refused the key", "HUBSPOT_ACCESS_TOKEN")


def test_a_permission_that_a_pull_can_do_without(
    saaskpi: CommandLine, make_sandbox: MakeSandbox, point_at: PointAt
) -> None:
    point_at(make_sandbox(customers=3, months=2, stripe_denied=["billing"]))
    ended = saaskpi("check")
    assert "no usage is read from billing meters" in ended.out
    assert ended.code == 0


def test_a_missing_permission(saaskpi: CommandLine, make_sandbox: MakeSandbox, point_at: PointAt) -> None:
    sandbox = make_sandbox(customers=3, months=2, stripe_denied=["invoices"])
    point_at(sandbox)
    assert_clear(saaskpi("pull"), 1, "Stripe", "rak_invoice_read", "Developers > API keys")
    ended = saaskpi("check")
    assert ended.code == 1
    assert "rak_invoice_read" in ended.out


@pytest.mark.slow
def test_a_restricted_key_that_may_not_read_its_account(
    saaskpi: CommandLine, make_sandbox: MakeSandbox, point_at: PointAt
) -> None:
    point_at(make_sandbox(customers=3, months=2, stripe_denied=["account"]))
    for command in ("check", "pull", "pull"):
        ended = saaskpi(command)
        assert ended.code == 0, ended
    assert "restricted key (acct_sandbox)" in saaskpi("check").out


def test_a_missing_scope(saaskpi: CommandLine, make_sandbox: MakeSandbox, point_at: PointAt) -> None:
    sandbox = make_sandbox(customers=3, months=2, hubspot_scopes=["crm.objects.contacts.read"])
    point_at(sandbox)
    assert_clear(saaskpi("pull"), 1, "HubSpot", "lacks the scope", "Settings > Integrations")
    ended = saaskpi("check")
    assert ended.code == 1
    assert "crm.objects.companies.read" in ended.out


def test_a_closed_port_and_a_wrong_address(
    saaskpi: CommandLine, make_sandbox: MakeSandbox, point_at: PointAt, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at(make_sandbox(customers=3, months=2))
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    monkeypatch.setenv("SAASKPI_STRIPE__API_BASE", f"http://127.0.0.1:{port}")
    assert_clear(saaskpi("pull"), 1, f"127.0.0.1:{port}", "stripe.api_base")
    monkeypatch.setenv("SAASKPI_STRIPE__API_BASE", "api.stripe.test")
    assert_clear(saaskpi("pull"), 2, "stripe.api_base", "https://")


def test_a_store_of_a_newer_version(saaskpi: CommandLine, begin: Begin) -> None:
    begin("apply")
    assert saaskpi("accounts").code == 0
    with sqlite3.connect(".saaskpi/saaskpi.db") as store:
        store.execute("UPDATE alembic_version SET version_num = '9999'")
    store.close()
    assert_clear(saaskpi("accounts"), 1, "newer")


def test_a_damaged_store(saaskpi: CommandLine, begin: Begin) -> None:
    begin("apply")
    assert saaskpi("accounts").code == 0
    Path(".saaskpi/saaskpi.db").write_bytes(b"this is no database" * 500)
    assert_clear(saaskpi("accounts"), 1, "saaskpi.db")
    ended = saaskpi("check")
    assert ended.code == 1
    assert "FAIL" in ended.out


@pytest.mark.slow
def test_a_home_that_another_process_is_writing(
    saaskpi: CommandLine, make_sandbox: MakeSandbox, point_at: PointAt, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at(make_sandbox(customers=3, months=2))
    monkeypatch.setattr("saaskpi.pipeline.PATIENCE", 0.0)
    lock = FileLock(make_directory(Path(".saaskpi")) / ".lock")
    assert lock.acquire(wait=False)
    try:
        for command in ("enrich", "apply", "run"):
            assert_clear(saaskpi(command), 1, "Another saaskpi is at work")
        assert saaskpi("pull").code == 0, "reading keeps nobody out, and waits for nobody"
        assert saaskpi("pull", "--full").code == 0
    finally:
        lock.release()
    assert saaskpi("run").code == 0


def test_two_whole_pulls_at_once(saaskpi: CommandLine, make_sandbox: MakeSandbox, point_at: PointAt) -> None:
    point_at(make_sandbox(customers=3, months=2))
    lock = FileLock(make_directory(Path(".saaskpi/raw")) / ".lock")
    assert lock.acquire(wait=False)
    try:
        assert_clear(saaskpi("pull"), 1, "Another pull into", "is under way")
    finally:
        lock.release()


@pytest.mark.slow
def test_check_tells_removed_properties_from_those_that_are_yet_to_come(
    saaskpi: CommandLine, make_sandbox: MakeSandbox, point_at: PointAt
) -> None:
    sandbox = make_sandbox(customers=6, months=4)
    point_at(sandbox)
    assert "not there yet" in saaskpi("check").out
    assert saaskpi("run").code == 0
    ended = saaskpi("check")
    assert ended.code == 0
    assert "not there yet" not in ended.out
    sandbox.crm.catalogs["companies"].archive("saaskpi_mrr", sandbox.crm.now())
    ended = saaskpi("check")
    assert ended.code == 1
    assert "Removed in HubSpot since we wrote them: saaskpi_mrr." in ended.out
    assert saaskpi("check", "--create-properties").code == 0
    assert saaskpi("check").code == 0


def test_check_adds_options_that_are_missing_and_keeps_those_of_others(
    saaskpi: CommandLine, make_sandbox: MakeSandbox, point_at: PointAt
) -> None:
    sandbox = make_sandbox(customers=3, months=2)
    point_at(sandbox)
    assert saaskpi("check", "--create-properties").code == 0
    client = HubSpotClient(sandbox.hubspot.access_token, sandbox.hubspot_url)

    def options() -> list[str]:
        found = client.properties("companies", refresh=True)["saaskpi_risk_flags"]
        return [option["value"] for option in found["options"]]

    there = options()
    theirs = {"value": "theirs", "label": "Theirs", "displayOrder": 99, "hidden": False}
    live = client.properties("companies", refresh=True)["saaskpi_risk_flags"]["options"]
    HubSpotWriter(client).add_options("companies", "saaskpi_risk_flags", [theirs], live)
    with Path("saaskpi.toml").open("a", encoding="utf-8") as file:
        file.write(OWN_FLAG)
    ended = saaskpi("check")
    assert ended.code == 0
    assert "Options are missing of saaskpi_risk_flags." in ended.out
    assert options() == [*there, "theirs"]
    ended = saaskpi("check", "--create-properties")
    assert ended.code == 0
    assert "Options added to saaskpi_risk_flags: big_and_quiet." in ended.out
    assert options() == [*there, "theirs", "big_and_quiet"]
    assert "Every saaskpi property is there." in saaskpi("check").out


def test_check_names_a_property_that_is_of_another_type(
    saaskpi: CommandLine, make_sandbox: MakeSandbox, point_at: PointAt
) -> None:
    sandbox = make_sandbox(customers=3, months=2)
    point_at(sandbox)
    writer = HubSpotWriter(HubSpotClient(sandbox.hubspot.access_token, sandbox.hubspot_url))
    writer.create_group("companies", GROUP, GROUP_LABEL)
    body = next(one for one in definitions("companies") if one["name"] == "saaskpi_plan")
    assert writer.create_properties("companies", [{**body, "type": "number", "fieldType": "number"}])[0].ok
    ended = saaskpi("check")
    assert ended.code == 1
    assert "saaskpi_plan is of type number, not string." in ended.out


def test_a_home_that_cannot_be_made(saaskpi: CommandLine) -> None:
    Path("taken").write_text("a file", encoding="utf-8")
    assert_clear(saaskpi("accounts", "--home", "taken/home"), 1, "taken/home")


def test_a_changed_plan_file(saaskpi: CommandLine, begin: Begin) -> None:
    begin("enrich")
    assert saaskpi("plan", "-o", "plan.json").code == 0
    text = Path("plan.json").read_text(encoding="utf-8")
    Path("plan.json").write_text(text.replace("saaskpi_mrr", "saaskpi_arr", 1), encoding="utf-8")
    assert_clear(saaskpi("apply", "plan.json"), 2, "changed after it was made")
    Path("plan.json").write_text(text, encoding="utf-8")
    assert saaskpi("apply", "plan.json").code == 0
    assert_clear(saaskpi("apply", "gone.json"), 2, "gone.json")
    assert saaskpi("apply", "plan.json").code in (2, 3)


def test_a_typing_slip_shows_the_usage(saaskpi: CommandLine) -> None:
    ended = saaskpi("acounts")
    assert ended.code == 2
    assert "No such command" in ended.err
    assert "accounts" in ended.err


@pytest.mark.slow
def test_enrich_says_what_it_kept_aside_and_where_evidence_disagrees(
    saaskpi: CommandLine, begin: Begin, tmp_path: Path
) -> None:
    begin("pull", **LARGER)
    spend = tmp_path / "spend.csv"
    spend.write_text("month,currency,amount\n2026-13,EUR,1\n2026-10,EUR,-5\n")
    Path("saaskpi.toml").write_text(f'[spend]\nfile = "{spend}"\n')
    told = json.loads(saaskpi("enrich", "--json").out)
    assert told["rejected"]["marketing_spend"] == 2
    differences = pd.read_parquet(Path(told["tables"]) / "mrr_differences.parquet")
    assert told["differences"] == differences["reason"].value_counts().to_dict()
    ended = saaskpi("enrich")
    assert "Kept aside: 2 rows of marketing_spend, the first row 1: The month is '2026-13'." in ended.out
    assert "rejected_rows.parquet" in ended.out
    assert "; rows kept aside: 2" in ended.err
    assert differences.empty or f"on an item's MRR: {len(differences)} (" in ended.out


def commands(group: click.Group, above: str = "") -> Iterator[str]:
    for name, command in group.commands.items():
        path = f"{above}{name}"
        yield path
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} ")


@pytest.mark.parametrize("command", list(commands(cli)))
def test_every_command_has_help_with_an_example(saaskpi: CommandLine, command: str) -> None:
    ended = saaskpi(*command.split(), "--help")
    assert ended.code == 0
    assert "Example: saaskpi " + command in ended.out


def test_init_asks_for_the_keys_and_writes_a_private_file(
    saaskpi: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([f"sk_live_{CANARY}", f"pat-{CANARY}"])
    monkeypatch.setattr("click.termui.hidden_prompt_func", lambda prompt: next(answers))
    ended = saaskpi("init")
    assert ended.code == 0
    assert CANARY not in ended.out
    assert Path("saaskpi.toml").stat().st_mode & 0o077 == 0
    assert load().stripe_key() == f"sk_live_{CANARY}"
    assert_clear(saaskpi("init"), 2, "exists already", "--force")


def test_explain_goes_down_to_the_stripe_ids(saaskpi: CommandLine, begin: Begin) -> None:
    begin("apply")
    rows = json.loads(saaskpi("accounts", "--format", "json").out)
    account = next(row for row in rows if row["mrr"])
    ended = saaskpi("explain", account["account_id"])
    assert ended.code == 0
    for part in (account["name"], *account["stripe_customer_ids"], "si_", "price_", "sub_"):
        assert part in ended.out
    told = json.loads(saaskpi("explain", account["account_id"], "--json").out)
    counted = sum(item["mrr"] for item in told["items"] if item["currency"] == account["currency"])
    assert counted == account["mrr"]


def test_reasons_come_in_the_language_that_is_set(
    saaskpi: CommandLine, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin("apply")
    english = json.loads(saaskpi("accounts", "--json").out)
    monkeypatch.setenv("SAASKPI_LANGUAGE", "fr")
    french = json.loads(saaskpi("accounts", "--json").out)
    assert [row["mrr"] for row in english] == [row["mrr"] for row in french]
    pairs = [(a["health_reasons"], b["health_reasons"]) for a, b in zip(english, french, strict=True)]
    assert all(one != other for one, other in pairs)
    scored = next(row for row in french if row["health_score"] is not None)
    assert scored["health_reasons"] in saaskpi("explain", scored["account_id"]).out


def test_what_the_system_refuses_is_one_line(saaskpi: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_pipeline: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("saaskpi.pipeline.Pipeline.accounts", refused)
    assert_clear(saaskpi("accounts"), 1, "No space left on device")


def test_a_day_before_stripe(saaskpi: CommandLine) -> None:
    assert_clear(saaskpi("run", "--as-of", "0001-01-01"), 2, "0001-01-01", "2010-01-01")
