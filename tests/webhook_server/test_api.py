"""The API shows what the command line shows; pages, CSV, tags, mistakes."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pandas as pd
import pytest

from saaskpi.cli import main
from saaskpi.listings import Listing
from saaskpi.settings import ServerSettings, Settings
from tests.saaskpi.made_up_run import home, made_up
from tests.support.api import Caller, caller
from warehouse.history import History
from webhook_server.api.home import Reading

MONTH = "2025-06"
PLENTY = ServerSettings(requests_per_minute=1_000_000)


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return home(tmp_path_factory.mktemp("api") / "home", made_up())


@pytest.fixture(scope="module")
def api(at: Path) -> Iterator[Caller]:
    made = caller(Settings(home=at, server=PLENTY))
    yield made
    made.services.close()


class Printed:
    """Runs the command line over the same home."""

    def __init__(self, at: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._at, self._monkeypatch, self._capsys = at, monkeypatch, capsys

    def __call__(self, *args: str) -> str:
        self._monkeypatch.setattr("sys.argv", ["saaskpi", *args, "--home", str(self._at)])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 0
        return self._capsys.readouterr().out


@pytest.fixture
def printed(at: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Printed:
    return Printed(at, monkeypatch, capsys)


LISTS: list[tuple[str, dict[str, Any]]] = [
    ("accounts", {}),
    ("accounts", {"band": "red", "currency": "eur", "sort": "name"}),
    ("accounts", {"search": "globex"}),
    ("accounts", {"month": MONTH}),
    ("accounts", {"month": MONTH, "metric": "lost_mrr", "band": "red"}),
    ("accounts", {"metric": "active_customers", "segment": "country=FR", "sort": "name"}),
    ("movements", {}),
    ("movements", {"month": "2025-02..2025-04", "kind": ["new", "churn"], "sort": "amount"}),
    ("movements", {"metric": "lost_mrr", "currency": "usd", "search": "initech"}),
    ("kpis", {}),
    ("kpis", {"month": "latest", "metric": ["mrr", "nrr"]}),
    ("kpis", {"by": "industry", "currency": "jpy", "sort": "mrr"}),
]


def flags(asked: dict[str, Any]) -> list[str]:
    pairs = [(k, one) for k, v in asked.items() for one in (v if isinstance(v, list) else [v])]
    return [word for name, value in pairs for word in (f"--{name}", value)]


@pytest.mark.parametrize("command, asked", LISTS)
def test_json_and_csv_are_the_command_line_s(
    api: Caller, printed: Printed, command: str, asked: dict[str, Any]
) -> None:
    query = urlencode({**asked, "limit": 1000}, doseq=True)
    told = api.json(f"/{command}?{query}")
    rows = json.loads(printed(command, *flags(asked), "--json"))
    assert told["rows"] == rows
    assert told["total"] == len(rows) > 0
    assert [list(row) for row in told["rows"]] == [list(row) for row in rows]
    as_csv = api(f"/{command}?{query}", headers={"Accept": "text/csv"})
    assert as_csv.text == printed(command, *flags(asked), "--format", "csv")
    assert as_csv.text == api(f"/{command}?{query}&format=csv").text


@pytest.mark.parametrize("month", [None, MONTH])
def test_an_explanation_is_the_command_line_s(api: Caller, printed: Printed, month: str | None) -> None:
    found = api.json(f"/accounts?month={MONTH}")["rows"][0]["account_id"]
    told = api.json(f"/accounts/{found}/explain" + (f"?month={month}" if month else ""))
    assert (told.pop("run_id"), told.pop("as_of")) == ("20260320T120000Z-0001", "2026-03-20T12:00:00+00:00")
    args = ("explain", found, "--json", *(("--month", month) if month else ()))
    assert told == json.loads(printed(*args))
    assert told["ledger"]
    assert all(row["effective_at"].endswith("+00:00") for row in told["ledger"])


def test_an_account_by_its_id_and_by_its_customers(api: Caller) -> None:
    rows = api.json("/accounts")["rows"]
    row = next(row for row in rows if row["account_id"] != row["stripe_customer_ids"][0])
    for name in (row["account_id"], row["stripe_customer_ids"][0]):
        assert api.json(f"/accounts/{name}")["account"] == row
    for path in ("/accounts/globex", "/accounts/globex/explain"):
        missing = api(path)
        assert missing.status_code == 404
        assert missing.json == {
            "error": "There is no account with this id.",
            "hint": "See: GET /api/v1/accounts?search=TEXT",
        }


def test_pages_put_together_are_the_whole(api: Caller) -> None:
    whole = api.json("/movements?kind=new&kind=churn&limit=1000")["rows"]
    path: str | None = "/movements?kind=new&kind=churn&limit=17"
    rows: list[Any] = []
    pages = 0
    while path:
        answer = api(path)
        assert answer.headers["X-Total-Count"] == str(len(whole))
        rows += answer.json["rows"] if answer.json else []
        link = answer.headers.get("Link")
        path = link[1 : link.index(">")].removeprefix("/api/v1") if link else None
        pages += 1
    assert rows == whole
    assert pages == -(-len(whole) // 17)
    beyond = api.json("/movements?page=1000000")
    assert (beyond["rows"], beyond["page"]) == ([], 1_000_000)


def test_csv_is_safe_for_spreadsheets_and_has_units(api: Caller) -> None:
    answer = api("/accounts?format=csv&limit=1000")
    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="accounts.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert any(row["name"].startswith("'=Acme") for row in rows)
    assert not any(cell.startswith(("=", "+", "@", "\t", "\r")) for row in rows for cell in row.values())
    in_json = {row["account_id"]: row for row in api.json("/accounts?limit=1000")["rows"]}
    euros = next(row for row in rows if row["currency"] == "eur")
    assert euros["mrr"] == f"{in_json[euros['account_id']]['mrr'] / 100:.2f}"


def test_what_is_unchanged_is_not_sent_again(at: Path, tmp_path: Path) -> None:
    copy = tmp_path / "home"
    shutil.copytree(at, copy)
    api = caller(Settings(home=copy, server=PLENTY), now=None)
    try:
        for path in ("/accounts", "/movements?month=latest", "/accounts/cus_0", "/accounts/cus_0/explain"):
            first = api(path)
            tag = first.headers["ETag"]
            again = api(path, headers={"If-None-Match": tag})
            assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
            assert api(path, headers={"If-None-Match": f"W/{tag}"}).status_code == 304
            assert api(path, headers={"If-None-Match": '"other"'}).data == first.data
        tag = api("/accounts").headers["ETag"]
        assert api("/accounts", headers={"If-None-Match": tag, "Accept": "text/csv"}).status_code == 200
        # A mistake stays one, whatever the caller has.
        assert api("/accounts?bnd=red", headers={"If-None-Match": tag}).status_code == 400
        # A few accounts of the same run are done anew: the files change, the run's id does not.
        table = next((copy / "marts").glob("*/accounts.parquet"))
        patched = made_up()["accounts"].assign(name="Patched")
        patched.to_parquet(table)
        fresh = api("/accounts", headers={"If-None-Match": tag})
        assert fresh.status_code == 200
        assert {row["name"] for row in (fresh.json or {})["rows"]} == {"Patched"}
        assert fresh.headers["ETag"] != tag
    finally:
        api.services.close()


@pytest.mark.parametrize(
    "path, error, hint",
    [
        ("/accounts?bnd=red", "There is no parameter 'bnd'.", "Did you mean band?"),
        ("/accounts?Month=latest", "There is no parameter 'Month'.", "Did you mean month?"),
        ("/accounts?zzz=1", "There is no parameter 'zzz'.", "There are: month, metric,"),
        ("/accounts/cus_1?month=latest", "There is no parameter 'month'.", "This takes none."),
        ("/accounts?band=red&band=green", "The parameter band is given 2 times.", "Give it once."),
        ("/accounts?search=", "'' is no value of search.", "Give 1 to 200 characters."),
        ("/accounts?band=purple", "'purple' is no value of band.", "green, yellow, red, new, no data"),
        ("/accounts?status=gone", "'gone' is no value of status.", "active, trialing, past_due"),
        (
            "/accounts?risk=payment_fail",
            "There is no risk flag 'payment_fail'.",
            "Did you mean payment_failed?",
        ),
        ("/accounts?opportunity=silent", "There is no opportunity flag 'silent'.", "near_limit, seat_growth"),
        ("/accounts?currency=chf", "No account has an MRR in CHF.", "EUR"),
        ("/accounts?limit=0", "'0' is no value of limit.", "from 1 to 1000"),
        ("/accounts?limit=1e3", "'1e3' is no value of limit.", "whole number"),
        ("/accounts?page=²", "'²' is no value of page.", "whole number"),
        ("/accounts?native=1", "'1' is no value of native.", "true or false"),
        ("/accounts?format=xml", "'xml' is no value of format.", "json, csv"),
        ("/accounts?metric=nrr", "'nrr' is no value of metric.", "new_mrr"),
        ("/accounts?sort=colour", "Accounts cannot be sorted by 'colour'.", "By: mrr"),
        ("/accounts?month=2025-01..2025-03", "2025-01..2025-03 is several months.", "month 2026-10"),
        ("/movements?kind=fired", "'fired' is no value of kind.", "churn"),
        ("/movements?metric=mrr", "'mrr' is not made up of movements.", "new_mrr"),
        ("/kpis?month=2031-01", "There are no figures for 2031-01.", "2025-01 to 2026-03"),
        ("/kpis?segment=size=big", "There is no segment 'size'.", "country, industry"),
        ("/kpis?by=country&segment=country=FR", "by and segment exclude each other.", "Give one"),
        ("/accounts/cus_1/explain?month=June", "'June' is not a month.", "2026-10"),
    ],
)
def test_a_mistake_is_named_with_what_would_be_right(api: Caller, path: str, error: str, hint: str) -> None:
    answer = api(path)
    assert answer.status_code == 400
    told = answer.json or {}
    assert set(told) == {"error", "hint"}
    assert told["error"] == error
    assert hint in told["hint"]


def test_the_run_history_newest_first(api: Caller) -> None:
    history = History(api.services.store.engine)
    for stage in ("pull", "enrich"):
        number = history.begin(stage, "command", None, api.services.now())
        history.end(number, api.services.now(), "done", {"rows": 3})
    first, second = api.json("/runs?limit=2")["rows"]
    assert (first["stage"], second["stage"], first["counts"]) == ("enrich", "pull", {"rows": 3})
    assert len(api.json("/runs?limit=1")["rows"]) == 1


def test_before_the_first_run_a_person_must_act(tmp_path: Path) -> None:
    api = caller(Settings(home=tmp_path / "new", server=PLENTY))
    try:
        answer = api("/accounts")
        assert answer.status_code == 409
        assert answer.json == {"error": "There is no finished run yet.", "hint": "On the server: saaskpi run"}
        assert api.json("/runs") == {"rows": []}
    finally:
        api.services.close()


def test_a_damaged_table_shows_nothing_of_the_inside(at: Path, tmp_path: Path) -> None:
    copy = tmp_path / "home"
    shutil.copytree(at, copy)
    next((copy / "marts").glob("*/accounts.parquet")).write_bytes(b"no parquet")
    api = caller(Settings(home=copy, server=PLENTY))
    try:
        answer = api("/accounts")
        assert answer.status_code == 503
        assert answer.headers["Retry-After"]
        assert str(tmp_path) not in answer.text
    finally:
        api.services.close()


def test_the_memory_of_lists_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webhook_server.api.home.MOST_ROWS", 25)
    reading = Reading("run", datetime(2026, 1, 1, tzinfo=UTC), "tag", "en", lambda table: pd.DataFrame())
    made: list[int] = []

    def listing(key: int) -> Listing:
        def make() -> Listing:
            made.append(key)
            return Listing([{"n": key}] * 10, ())

        return reading.listing(key, make)

    for key in (1, 2, 1, 3, 1, 2):  # 3 pushes 2 out, not 1, which was asked for later
        assert listing(key).rows[0] == {"n": key}
    assert made == [1, 2, 3, 2]
    monkeypatch.setattr("webhook_server.api.home.MOST_ROWS", 5)
    listing(9)
    listing(9)
    assert made[-1] == 9
    assert made.count(9) == 1
