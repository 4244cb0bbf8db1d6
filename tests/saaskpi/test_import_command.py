"""saaskpi import: into a home, through to the accounts, and never mixed with pulled numbers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from saaskpi.cli.imports import COMMANDS
from saaskpi.cli.operate import enrich
from saaskpi.cli.show import accounts
from saaskpi.errors import SaaskpiError, StoreError, UsageError
from saaskpi.imports.home import ORIGIN, claim_for_import, is_imported, refuse_imported
from warehouse.landing import Landing
from warehouse.store import Store

(IMPORT,) = COMMANDS
SUBSCRIPTIONS = """\
id,Customer ID,Customer Email,Plan,Product,Quantity,Currency,Interval,Amount,Status,Created (UTC),\
Current Period Start (UTC),Current Period End (UTC),Coupon,Canceled At (UTC),Ended At (UTC),Customer Name
sub_1,cus_1,a@globex.example,price_pro,Pro,3,eur,month,20.00,active,2026-05-10 09:00,\
2026-09-10 09:00,2026-10-10 09:00,,,,Globex
sub_2,cus_2,b@initech.example,price_pro,Pro,1,eur,month,20.00,canceled,2026-04-01 00:00,\
2026-06-01 00:00,2026-07-01 00:00,,2026-06-15 00:00,2026-07-01 00:00,Initech
sub_3,cus_3,c@umbrella.example,price_year,Pro yearly,1,usd,year,"1,200.00",active,\
2025-12-31 10:00,2025-12-31 10:00,2026-12-31 10:00,SUMMER,,,Umbrella
sub_4,cus_4,,price_x,X,1,eur,fortnight,5.00,active,2026-01-01 10:00,,,,,,Hooli
"""
INVOICES = """\
id,Amount Due,Currency,Customer,Date (UTC),Subscription,Subtotal,Total,Amount Paid,Status,\
Minimum Line Item Period Start (UTC),Maximum Line Item Period End (UTC),Paid At (UTC)
in_1,40.00,eur,cus_1,2026-05-10 09:00,sub_1,40.00,40.00,40.00,paid,2026-05-10 09:00,\
2026-06-10 09:00,2026-05-10 09:01
in_2,60.00,eur,cus_1,2026-06-10 09:00,sub_1,60.00,60.00,60.00,paid,2026-06-10 09:00,\
2026-07-10 09:00,2026-06-10 09:01
in_3,20.00,eur,cus_2,2026-04-01 00:00,sub_2,20.00,20.00,20.00,paid,2026-04-01 00:00,\
2026-05-01 00:00,2026-04-01 00:01
"""


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    for name, text in {"subscriptions.csv": SUBSCRIPTIONS, "invoices.csv": INVOICES}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return [str(tmp_path / "subscriptions.csv"), str(tmp_path / "invoices.csv")]


def run(command: click.Command, args: Sequence[str]) -> Result:
    result = CliRunner().invoke(command, list(args))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_from_files_to_accounts_without_a_key(files: list[str]) -> None:
    imported = run(IMPORT, files)
    assert imported.exit_code == 0
    assert "subscriptions.csv, line 5: 'fortnight' is no billing interval" in imported.output
    assert "Subscriptions with a coupon: 1;" in imported.output
    assert "Without the export of customers" in imported.output
    assert imported.output.rstrip().endswith("Next: saaskpi enrich")
    assert run(enrich, ["--as-of", "2026-09-30"]).exit_code == 0
    rows = {row["name"]: row for row in json.loads(run(accounts, ["--format", "json"]).output)}
    assert {name: (row["mrr"], row["currency"], row["status"]) for name, row in rows.items()} == {
        "Globex": (6000, "eur", "active"),
        "Initech": (0, "eur", "churned"),
        "Umbrella": (10000, "usd", "active"),
    }
    assert rows["Umbrella"]["customer_since"] == "2025-12-31"


def test_an_import_replaces_the_one_before(files: list[str]) -> None:
    run(IMPORT, files)
    told = json.loads(run(IMPORT, [files[0], "--json"]).output)
    assert told["rows"]["stripe_invoices"] == 0
    assert told["rows"]["stripe_subscriptions"] == 3
    assert told["kept_aside"][0]["line"] == 5
    landing = Landing(Path(".saaskpi/raw"))
    assert landing.rows("stripe_invoices") == 0
    assert landing.rows("import_kept_aside") == 1
    assert landing.rejected().empty


def test_a_file_of_another_kind_leaves_the_home_as_it_was(files: list[str], tmp_path: Path) -> None:
    run(IMPORT, files)
    (tmp_path / "payments.csv").write_text("id,Amount,Captured\nch_1,5.00,true\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"payments\.csv"):
        run(IMPORT, [files[0], str(tmp_path / "payments.csv")])
    assert Landing(Path(".saaskpi/raw")).rows("stripe_invoices") == 3
    with pytest.raises(UsageError, match="cannot be read"):
        run(IMPORT, ["nowhere.csv"])


def test_a_home_with_pulled_numbers_takes_no_import(files: list[str]) -> None:
    Path(".saaskpi").mkdir()
    with Store.open(Path(".saaskpi") / "saaskpi.db") as store:
        store.set_meta(ORIGIN, json.dumps({"stripe": "acct_1", "mode": "live", "hubspot": "77"}))
    with pytest.raises(StoreError, match="pulled from Stripe") as raised:
        run(IMPORT, files)
    assert "--home" in raised.value.hint


def test_an_imported_home_takes_no_pull(tmp_path: Path) -> None:
    home, landing = tmp_path / "home", Landing(tmp_path / "home" / "raw")
    home.mkdir()
    with Store.open(home / "saaskpi.db") as store:
        refuse_imported(store, home, "pull")
        claim_for_import(store, landing, home)
        claim_for_import(store, landing, home)
        assert is_imported(store)
        with pytest.raises(StoreError, match="imported files") as raised:
            refuse_imported(store, home, "plan")
        assert "saaskpi plan --home" in raised.value.hint


def test_a_landing_of_unknown_origin_takes_no_import(tmp_path: Path) -> None:
    landing = Landing(tmp_path / "raw")
    with landing.begin(datetime(2026, 10, 1, tzinfo=UTC)):
        pass
    with Store.open(tmp_path / "saaskpi.db") as store, pytest.raises(SaaskpiError):
        claim_for_import(store, landing, tmp_path)


def test_help_has_an_example() -> None:
    assert "Example: saaskpi import" in run(IMPORT, ["--help"]).output
