"""The backtest over other people's tables: what a mapping may say, what rows mean, what is kept aside."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from enrichment.backtest.panel import Snapshots, judged
from enrichment.backtest.snapshots import Judge
from enrichment.health.config import HealthConfig
from saaskpi.backtest.tables.building import read_snapshots
from saaskpi.backtest.tables.lives import Lives
from saaskpi.backtest.tables.mapping import EventColumns, read_mapping
from saaskpi.backtest.tables.table import read_table
from saaskpi.backtest.tables.usage_facts import read_events
from saaskpi.cli.backtest import backtest, weights
from saaskpi.errors import SaaskpiError, UsageError
from tests.enrichment.usage_books import NOW as USAGE_NOW
from tests.enrichment.usage_books import UsageBooks

NOW = datetime(2026, 11, 1, tzinfo=UTC)
ACCOUNTS = """Kunde;Stichtag;Tage;Logins;Weg
k1;2026-01-01;400;0;2026-02-10
k2;2026-01-01;400;30;
k3;2026-01-01;10;30;
k1;2026-02-01;431;0;2026-02-10
k2;2026-02-01;431;31;
"""
MAPPING = """
[accounts]
until = 2026-10-01

[columns]
account_id = "Kunde"
as_of = "Stichtag"
days_as_customer = "Tage"
core_events = { column = "Logins", scale = 2 }
days_idle = { column = "Logins", values = { "0" = 40 } }
churned_at = "Weg"
"""


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def taken(
    folder: Path, accounts: str, mapping: str, events: str | None = None, horizon: int = 90
) -> tuple[Snapshots, list[str]]:
    return read_snapshots(
        written(folder, "accounts.csv", accounts),
        written(folder, "events.csv", events) if events else None,
        read_mapping(written(folder, "mapping.toml", mapping)),
        Judge(HealthConfig()),
        horizon,
        NOW,
    )


def test_a_table_of_snapshots(tmp_path: Path) -> None:
    snapshots, notes = taken(tmp_path, ACCOUNTS, MAPPING)
    assert notes == []
    rows = snapshots.rows.set_index(["account_id", snapshots.rows["as_of"].dt.strftime("%m")])
    assert rows["days_idle"].loc["k1"].tolist() == [40, 40]
    assert rows["days_idle"].loc["k2"].isna().all()
    assert not rows.loc[("k3", "01"), "in_population"]
    panel = judged(snapshots)
    assert panel.rows.groupby("account_id")["churned"].agg(["sum", "size"]).to_numpy().tolist() == [
        [2, 2],
        [0, 2],
    ]
    assert panel.outside == 1


def test_bad_rows_are_counted_and_named_and_the_others_used(tmp_path: Path) -> None:
    bad = (
        "k4;soon;400;1;\n"  # line 7
        "k5;2026-01-01;-3;1;\n"
        "k6;2026-01-01;400;many;\n"
        "k7;2026-01-01;400;inf;\n"
        ";2026-01-01;400;1;\n"
        "k8;2026-01-01\n"
        "k2;2026-01-01;400;1;\n"
        "k9;2026-01-01;400;;\n"
    )
    snapshots, notes = taken(tmp_path, ACCOUNTS + bad, MAPPING)
    assert sorted(snapshots.rows["account_id"].unique()) == ["k1", "k2", "k3", "k9"]
    assert sorted(notes) == [
        "accounts.csv: 1 row kept aside: The line has another number of fields than the header. (line 12)",
        "accounts.csv: 1 row kept aside: as_of is not a date. (line 7)",
        "accounts.csv: 1 row kept aside: days_as_customer is below 0. (line 8)",
        "accounts.csv: 1 row kept aside: no account_id. (line 11)",
        "accounts.csv: 1 row kept aside: the account comes twice at one instant. (line 13)",
        "accounts.csv: 2 rows kept aside: core_events is not a number. (line 9, 10)",
    ]


def test_marks_within_a_horizon_of_each_other_are_one_churn(tmp_path: Path) -> None:
    accounts = "account_id,as_of,days_as_customer,churned\n" + "".join(
        f"a,2026-{month:02d}-01,{300 + month},{int(month in (3, 4, 5, 9))}\n" for month in range(1, 10)
    )
    snapshots, _ = taken(tmp_path, accounts, "")
    assert snapshots.churns["churned_at"].dt.strftime("%m-%d").tolist() == ["05-30", "11-30"]
    assert not snapshots.is_dated
    marked = judged(snapshots).rows.set_index("as_of")["churned"]
    assert [moment.month for moment in marked.index[marked]] == [3, 4, 5, 9]


LIVES = """account_id,started_at,ended_at,mrr,paid_seats
a,2026-01-10,2026-03-15,1000,5
a,2026-03-15,2026-05-20,1500,6
a,2026-08-01,,500,1
b,2026-02-01,,2000,
"""


def test_a_table_of_lives(tmp_path: Path) -> None:
    snapshots, notes = taken(tmp_path, LIVES, "")
    assert notes == []
    churns = snapshots.churns[["account_id", "churned_at", "kind"]].to_numpy().tolist()
    assert churns == [["a", pd.Timestamp("2026-05-20"), "voluntary"]]
    told = {
        str(name): [at.month for at in rows["as_of"]] for name, rows in snapshots.rows.groupby("account_id")
    }
    assert told == {"a": [2, 3, 4, 5, 8], "b": [2, 3, 4, 5, 6, 7, 8]}


def lives_of(text: str, folder: Path, kind: str = "lives") -> Lives:
    table = read_table(written(folder, "lives.csv", text)).frame
    for name in ("started at", "ended at"):
        table[name] = pd.to_datetime(table[name].where(table[name] != "", None))
    table["mrr"] = table["mrr"].astype(float)
    named = {str(name): str(name).replace(" ", "_") for name in table}
    return Lives.of(table.rename(columns=named).drop(columns="paid_seats"), kind, None)


def test_facts_of_lives_are_those_of_the_day(tmp_path: Path) -> None:
    lives = lives_of(LIVES, tmp_path)
    april = lives.facts_at(datetime.fromisoformat("2026-04-10")).set_index("account_id")
    wanted = {"mrr": 1500, "mrr_90": 1000, "mrr_180": 0, "days_as_customer": 90}
    assert {name: april[name]["a"] for name in wanted} == wanted
    assert "days_to_renewal" not in april
    terms = lives_of(LIVES, tmp_path, "terms").facts_at(datetime.fromisoformat("2026-05-10"))
    assert terms.set_index("account_id").loc["a", "days_to_renewal"] == 10


@settings(max_examples=8, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 200), st.integers(1, 200)), max_size=8))
def test_lives_that_begin_later_change_no_earlier_facts(
    tmp_path_factory: pytest.TempPathFactory, later: list[tuple[str, int, int]]
) -> None:
    lives = lives_of(LIVES, tmp_path_factory.mktemp("lives"))
    moment = pd.Timestamp("2026-06-01")
    more = pd.DataFrame(
        [
            (name, moment + pd.Timedelta(days=1 + start), moment + pd.Timedelta(days=1 + start + days), 9.0)
            for name, start, days in later
        ],
        columns=["account_id", "started_at", "ended_at", "mrr"],
    )
    grown = Lives(pd.concat([lives.rows, more]) if later else lives.rows, "lives", lives.until)
    for day in ("2026-03-01", "2026-05-19", "2026-06-01"):
        at = datetime.fromisoformat(day)
        pd.testing.assert_frame_equal(lives.facts_at(at), grown.facts_at(at), check_dtype=False)


def test_facts_without_a_date_are_refused_beside_lives(tmp_path: Path) -> None:
    accounts = "account_id,started_at,ended_at,nps\na,2026-01-10,2026-03-15,9\n"
    with pytest.raises(UsageError, match="nps may have been learnt after the churn"):
        taken(tmp_path, accounts, "")


EVENTS = """account,at,event,quantity,user
a,2026-05-31 23:00,report,4,u1
a,2026-05-10,report,2,u2
a,2026-05-10,login,7,u2
a,2026-05-03,report,1,u1
a,2026-04-01,report,30,u3
a,2026-06-01 00:00,report,99,u9
b,2026-03-01,login,1,
"""


def test_facts_of_usage_are_of_whole_days_before(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "events.csv", EVENTS))
    facts = read_events(table, EventColumns(core=("report",))).facts_at(
        datetime.fromisoformat("2026-06-01"), 28
    )
    a, b = facts.set_index("account_id").to_dict("index").values()
    # 28 days before 1 June begin on 4 May, so that 3 May is in the window before.
    # The first event was 61 days before: 33 days beyond the window.
    assert (a["core_events"], a["core_events_before"]) == pytest.approx((6, (1 + 30) * 28 / 33))
    assert (a["days_idle"], a["usage_history_days"], a["active_users"]) == (0, 60, 2)
    assert (b["core_events"], b["days_idle"]) == (0, 91)
    assert pd.isna(b["active_users"])


@settings(max_examples=6, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([1, 2]),
            st.integers(0, 130),
            st.sampled_from([None, "u1", "u2"]),
            st.integers(0, 3),
        ),
        min_size=1,
        max_size=25,
    ),
    st.integers(0, 60),
)
def test_the_facts_of_usage_are_those_of_the_models(
    tmp_path_factory: pytest.TempPathFactory, used: list[tuple[int, int, str | None, int]], past: int
) -> None:
    moment, books = USAGE_NOW - timedelta(days=past), UsageBooks()
    lines = ["account,at,event,quantity,user"]
    for name in ("cus_1", "cus_2"):
        books.account(name)
    for number, days, user, quantity in used:
        name = f"cus_{number}"
        books.use(days + 0.25, name, user=user, quantity=quantity)
        lines.append(f"{name},{USAGE_NOW - timedelta(days=days + 0.25)},login,{quantity},{user or ''}")
    table = read_table(written(tmp_path_factory.mktemp("events"), "events.csv", "\n".join(lines)))
    ours = read_events(table, EventColumns()).facts_at(moment, 28)
    theirs = books.facts(moment)
    for row in ours.to_dict("records"):
        told = theirs[str(row.pop("account_id"))]
        for column, value in row.items():
            assert told[str(column)] == pytest.approx(value) or (
                told[str(column)] is None and pd.isna(value)
            ), column
    assert sorted(theirs) == sorted(ours["account_id"])


def test_later_events_change_no_earlier_facts(tmp_path: Path) -> None:
    moment = datetime.fromisoformat("2026-05-11")
    whole = read_events(read_table(written(tmp_path, "events.csv", EVENTS)), EventColumns()).facts_at(
        moment, 28
    )
    lines = EVENTS.splitlines(keepends=True)
    sooner = "".join([lines[0], *(line for line in lines[1:] if line.split(",")[1][:10] < "2026-05-11")])
    cut = read_events(read_table(written(tmp_path, "cut.csv", sooner)), EventColumns()).facts_at(moment, 28)
    pd.testing.assert_frame_equal(whole, cut)


def test_a_table_with_a_column_per_event(tmp_path: Path) -> None:
    text = "account,at,calls,mails,people\na,2026-05-30,3,4,2\na,2026-05-31,0,1,5\na,2026-05-02,1,1,9\n"
    said = EventColumns(counts=("calls", "mails"), active_users="people")
    facts = read_events(read_table(written(tmp_path, "days.csv", text)), said)
    told = facts.facts_at(datetime.fromisoformat("2026-06-01"), 28).iloc[0]
    assert (told["core_events"], told["active_users"], told["days_idle"]) == (8, 5, 0)


@pytest.mark.parametrize(
    "mapping, message",
    [
        ("[columns]\nmrrr = 'x'", "no fact mrrr"),
        ("[columns]\nhealth_score = 'x'", "no fact health_score"),
        ("[rows]\na = 1", "no section rows"),
        ("[accounts]\nrows = 'all'", "rows cannot be 'all'"),
        ("[accounts]\nuntil = 'soon'", "until cannot be 'soon'"),
        ("[columns]\nmrr = { column = 'x', value = 3 }", "one of column, columns and value"),
        ("[columns]\nmrr = { column = 'x', eval = '1+1' }", "no setting columns.mrr.eval"),
        ("[columns]\nmrr = { column = 'x', scale = 0 }", "scale cannot be 0"),
        ("[columns]\nmrr = 3", "columns.mrr must be a table"),
        ("[columns]\nmrr = { columns = [3] }", "a column's name is a text"),
        ("[events]\ncounts = 'x'", "a column's name is a text"),
        ("columns", "not valid TOML"),
        ("[columns]\naccount_id = 'Client'", "no column 'client'"),
    ],
)
def test_a_wrong_mapping_is_told(tmp_path: Path, mapping: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        taken(tmp_path, ACCOUNTS, mapping)


@pytest.mark.parametrize(
    "accounts, message",
    [
        ("account_id,days_as_customer\na,1\n", "does not say who left"),
        ("account_id,churned\na,1\n", "since when an account is a customer"),
        ("account_id,churned,days_as_customer\n", "has no rows"),
        ("account_id,churned,days_as_customer\na,maybe,4\n", "no usable rows"),
        ("", "is empty"),
    ],
)
def test_a_table_that_cannot_be_used_is_told(tmp_path: Path, accounts: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        taken(tmp_path, accounts, "")


def portfolio(accounts: int = 120) -> str:
    """A portfolio in which those who are silent leave, at two instants."""
    lines = ["account_id,as_of,days_as_customer,core_events,days_idle,churned_at"]
    for number in range(accounts):
        leaves = number % 3 == 0
        for month in (1, 2):
            idle, events = (40, 0) if leaves and number % 4 else (2, 20 + number)
            left = "2026-02-20" if leaves else ""
            lines.append(f"a{number},2026-0{month}-01,{300 + month},{events},{idle},{left}")
    return "\n".join(lines)


def ran(*args: str) -> Result:
    return CliRunner().invoke(backtest, args)


def test_the_command_prints_the_verdict_first(tmp_path: Path) -> None:
    path = written(tmp_path, "accounts.csv", portfolio())
    done = ran("--csv", str(path))
    assert done.exit_code == 0
    assert done.stdout.startswith("The score works here. In ")
    for words in ("Days silent alone", "green", "silent", "seed 1"):
        assert words in done.stdout


def test_json_holds_every_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, "accounts.csv", portfolio())
    told = json.loads(ran("--csv", str(path), "--format", "json", "--seed", "5").stdout)
    assert told["verdict"]["key"] == "works"
    assert (told["events"], told["snapshots"], told["seed"], told["horizon_days"]) == (40, 240, 5, 90)
    assert sum(band["churned"] for band in told["bands"]) == told["churned"] == 80
    monkeypatch.setenv("SAASKPI_LANGUAGE", "fr")
    french = json.loads(ran("--csv", str(path), "--json").stdout)
    assert french["verdict"]["title"] == "Le score fonctionne ici"


def test_the_home_is_left_as_it_was(tmp_path: Path) -> None:
    path = written(tmp_path, "accounts.csv", portfolio())
    page = tmp_path / "page.html"
    assert ran("--csv", str(path), "--format", "html", "-o", str(page)).exit_code == 0
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["accounts.csv", "page.html"]


@pytest.mark.parametrize(
    "args, message",
    [
        (["--events", "e.csv"], "need --csv"),
        (["--horizon", "0", "--csv", "a.csv"], "--horizon cannot be 0"),
        (["--csv", "missing.csv"], "cannot be read"),
        (["--csv", "missing.csv", "-o", "nowhere/page.html"], "The folder nowhere does not exist."),
        ([], "Nothing has been pulled yet"),
    ],
)
def test_wrong_use_is_told(args: list[str], message: str) -> None:
    done = ran(*args)
    assert isinstance(done.exception, SaaskpiError)
    assert message in str(done.exception)


def test_weights_are_suggested_but_not_from_few_churns(tmp_path: Path) -> None:
    path = written(tmp_path, "accounts.csv", portfolio(30))
    done = CliRunner().invoke(weights, ["suggest", "--csv", str(path)])
    assert done.exit_code == 0
    assert "from 40 churns on" in done.stdout
    told = json.loads(CliRunner().invoke(weights, ["suggest", "--csv", str(path), "--json"]).stdout)
    assert (told["result"], told["points"]) == ("few", {})
