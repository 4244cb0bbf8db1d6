"""Figures open into the accounts and movements that make them up: what is listed adds up to the figure."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from enrichment.kpis.catalogue import MONTHLY
from enrichment.policy import Policy
from saaskpi.errors import UsageError
from saaskpi.listings import Listing, list_accounts
from saaskpi.lists import KINDS, METRICS, Figures, Row, View, metric_named, ordered
from saaskpi.portfolio import Filter
from tests.saaskpi.made_up_run import Tables, home, made_up
from tests.support.cli import CommandLine

SEGMENTS = (None, "country=FR", "country=(none)", "industry==cmd")
POLICIES = {
    "default": Policy(),
    "count_both": Policy(same_month="count_both", reactivation_window="days:60"),
    "by_subscription": Policy(movement_grain="subscription", zero_mrr_customer="churn"),
}
MONTH = "2025-06"


@pytest.fixture(scope="module")
def run() -> Tables:
    return made_up()


@pytest.fixture(scope="module")
def valued() -> Tables:
    return made_up(seed=2, reporting="eur")


@pytest.fixture(scope="module", params=[*POLICIES, "reporting"])
def any_run(request: pytest.FixtureRequest, valued: Tables) -> Tables:
    if request.param == "reporting":
        return valued
    return made_up(seed=3, policy=POLICIES[request.param])


def figures(tables: Tables, **view: Any) -> Figures:
    return Figures(tables.__getitem__, View(**view))


def added(rows: list[Row], value: str) -> Counter[tuple[str, str]]:
    """Return sums by month and currency, without those that are zero."""
    sums: Counter[tuple[str, str]] = Counter()
    for row in rows:
        sums[row["month"], row["currency"]] += row[value] or 0
    return Counter({key: amount for key, amount in sums.items() if amount})


@pytest.mark.parametrize("segment", SEGMENTS)
def test_accounts_and_movements_of_a_figure_add_up_to_it(any_run: Tables, segment: str | None) -> None:
    seen = figures(any_run, segment=segment)
    kpis = seen.kpis()
    assert added(kpis, "mrr")
    for metric in METRICS.values():
        figure = added(kpis, metric.figure)
        assert added(seen.accounts(metric), metric.name) == figure, metric.name
        if metric.kind and not metric.counted:
            assert added(seen.movements([metric.kind]), "amount") == figure, metric.kind


def test_native_figures_open_into_native_accounts(valued: Tables) -> None:
    seen = figures(valued, native=True, segment="country=FR")
    for metric in METRICS.values():
        assert added(seen.accounts(metric), metric.name) == added(seen.kpis(), metric.figure), metric.name


def test_the_values_of_a_segment_add_up_to_the_whole(valued: Tables) -> None:
    seen = figures(valued)
    for kpi in MONTHLY:
        if kpi.id in {metric.figure for metric in METRICS.values()}:
            assert added(seen.kpis("country"), kpi.id) == added(seen.kpis(), kpi.id)


def test_one_currency_of_one_month(run: Tables) -> None:
    seen = figures(run, months=MONTH, currency="USD")
    rows = seen.accounts(METRICS["mrr"])
    assert {(row["month"], row["currency"]) for row in rows} == {(MONTH, "usd")}
    assert seen.figure(METRICS["mrr"]) == {"usd": sum(row["mrr"] for row in rows)}


def test_a_reporting_currency_is_the_first_view_and_native_the_other(valued: Tables) -> None:
    assert {row["currency"] for row in figures(valued).kpis()} == {"eur"}
    assert {row["currency"] for row in figures(valued, native=True).kpis()} == {"eur", "jpy", "usd"}
    assert {row["kind"] for row in figures(valued).movements()} == set(KINDS)
    assert "fx" not in {row["kind"] for row in figures(valued, native=True).movements()}


def test_months_are_newest_first_and_accounts_largest_first(run: Tables) -> None:
    months = [row["month"] for row in figures(run, months="2025-03..2025-05").kpis()]
    assert months == ["2025-05"] * 3 + ["2025-04"] * 3 + ["2025-03"] * 3
    euros = [row["mrr"] for row in figures(run, months=MONTH, currency="eur").accounts(METRICS["mrr"])]
    assert euros == sorted(euros, reverse=True)


def test_the_latest_month_and_other_names_of_a_figure(run: Tables) -> None:
    assert figures(run, months="latest").one_month() == "2026-03"
    assert metric_named("churned_mrr") is METRICS["lost_mrr"]


@pytest.mark.parametrize(
    "asked, first, last",
    [("2025-11..", "2025-11", "2026-03"), ("..2025-02", "2025-01", "2025-02"), (None, "2025-01", "2026-03")],
)
def test_an_end_that_is_left_out_is_open(run: Tables, asked: str | None, first: str, last: str) -> None:
    months = figures(run, months=asked).months
    assert (months[0], months[-1]) == (first, last)


def test_search_finds_names_accounts_and_stripe_customers(run: Tables) -> None:
    seen = figures(run)
    by_name = seen.movements(search="globex 1")
    customer = next(row["customer_id"] for row in by_name)
    assert {row["account_id"] for row in by_name} >= {
        row["account_id"] for row in seen.movements(search=customer) if row["customer_id"] == customer
    }
    assert seen.movements(search="nobody of this name") == []


@pytest.mark.parametrize(
    "view, words",
    [
        ({"months": "2031-01"}, "no figures for 2031-01.*2025-01 to 2026-03"),
        ({"months": "2025-13"}, "'2025-13' is not a month"),
        ({"months": "2025-06..June"}, "'June' is not a month"),
        ({"currency": "gbp"}, "no figures in GBP.*EUR, JPY, USD"),
        ({"segment": "size=big"}, "no segment 'size'.*country, industry"),
        ({"segment": "country"}, "names no value.*--segment country=VALUE"),
        ({"segment": "country=UK"}, r"no figures for country=UK.*\(none\), DE, FR"),
    ],
)
def test_what_is_not_there_is_said_with_what_is(run: Tables, view: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        figures(run, **view)


def test_a_foreign_currency_leads_to_the_native_view(valued: Tables) -> None:
    with pytest.raises(UsageError, match=r"no figures in USD.*--native"):
        figures(valued, currency="usd")
    assert figures(valued, currency="usd", native=True).kpis()


def test_wrong_figures_segments_and_columns_are_said(run: Tables) -> None:
    with pytest.raises(UsageError, match=r"'nrr' cannot be opened into accounts.*new_mrr"):
        metric_named("nrr")
    with pytest.raises(UsageError, match="There is no segment 'size'"):
        figures(run).kpis("size")
    with pytest.raises(UsageError, match="exclude each other"):
        figures(run, segment="country=FR").kpis("country")
    with pytest.raises(UsageError, match=r"no column 'colour'.*month"):
        ordered(figures(run).kpis(), "colour")
    with pytest.raises(UsageError, match="several months"):
        figures(run, months="2025-01..2025-02").one_month()


def test_a_run_without_any_mrr_says_so(run: Tables) -> None:
    nothing = {**run, "kpi_month": run["kpi_month"].head(0)}
    with pytest.raises(UsageError, match="no figures yet"):
        figures(nothing)


def test_values_with_a_comma_are_told_apart(run: Tables) -> None:
    table = run["kpi_month"].replace({"segment_value": {"FR": "Team, Storage"}})
    with pytest.raises(UsageError, match=r'There are: \(none\), DE, "Team, Storage"\.'):
        figures({**run, "kpi_month": table}, segment="country=UK")


def test_nulls_come_last_in_any_order() -> None:
    rows: list[Row] = [{"nrr": None, "name": "b"}, {"nrr": 0.5, "name": None}, {"nrr": 1.5, "name": "a"}]
    assert [row["nrr"] for row in ordered(rows, "nrr")] == [1.5, 0.5, None]
    assert [row["name"] for row in ordered(rows, "name")] == ["a", "b", None]


@pytest.fixture
def at_home(run: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SAASKPI_HOME", str(home(tmp_path / "home", run)))
    return tmp_path


@pytest.mark.usefixtures("at_home")
class TestCommands:
    def test_json_of_kpis_has_the_documented_keys(self, saaskpi: CommandLine, run: Tables) -> None:
        rows = json.loads(saaskpi("kpis", "--month", MONTH, "--json").out)
        assert list(rows[0])[:9] == [
            "month", "currency", "mrr_start", "new_mrr", "expansion_mrr",
            "contraction_mrr", "churned_mrr", "reactivation_mrr", "fx_mrr",
        ]  # fmt: skip
        assert set(rows[0]) == set(run["kpi_month"].columns)
        assert len(rows) == 3
        assert all(isinstance(row["mrr"], int) for row in rows)

    def test_json_of_movements_and_accounts(self, saaskpi: CommandLine) -> None:
        moved = json.loads(saaskpi("movements", "--month", MONTH, "--metric", "lost_mrr", "--json").out)
        assert {row["kind"] for row in moved} == {"churn"}
        assert {"month", "account_id", "customer_id", "kind", "amount", "currency", "name"} <= set(moved[0])
        opened = saaskpi("accounts", "--month", MONTH, "--metric", "lost_mrr", "--json")
        rows = json.loads(opened.out)
        assert {"account_id", "name", "currency", "mrr", "lost_mrr"} <= set(rows[0])
        assert sum(row["lost_mrr"] for row in rows) == sum(row["amount"] for row in moved)

    def test_a_counted_figure_is_the_number_of_its_accounts(self, saaskpi: CommandLine) -> None:
        args = ("--month", MONTH, "--currency", "eur", "--json")
        (row,) = json.loads(saaskpi("kpis", *args).out)
        opened = json.loads(saaskpi("accounts", "--metric", "active_customers", *args).out)
        assert len(opened) == sum(item["active_customers"] for item in opened) == row["active_customers"]

    def test_csv_is_safe_for_spreadsheets_and_in_units(self, saaskpi: CommandLine) -> None:
        printed = saaskpi("accounts", "--month", MONTH, "--currency", "eur", "--format", "csv").out
        rows = list(csv.DictReader(io.StringIO(printed)))
        assert any(row["name"].startswith("'=Acme") for row in rows)
        assert {"9.90", "19.90", "49.90", "123.45"} & {row["mrr"] for row in rows}
        by = list(csv.DictReader(io.StringIO(saaskpi("kpis", "--by", "industry", "--format", "csv").out)))
        assert {row["segment_value"] for row in by} == {"(none)", "'=cmd", "retail"}

    def test_a_sheet_of_one_month_shows_every_figure_with_its_formula(self, saaskpi: CommandLine) -> None:
        printed = saaskpi("kpis", "--month", MONTH).out
        assert all(kpi.label_en in printed for kpi in MONTHLY)
        assert "EUR" in printed
        assert "12 x MRR" in printed
        assert "`" not in printed

    def test_a_table_of_one_currency_ends_with_the_identity(self, saaskpi: CommandLine) -> None:
        printed = saaskpi("kpis", "--currency", "eur", "--month", "2025-02..2025-04").out
        first, *months = printed.strip().splitlines()
        assert first == "2025-02 to 2025-04"
        assert [line.split()[0] for line in months if line.startswith("20")] == [
            "2025-04",
            "2025-03",
            "2025-02",
        ]
        assert " EUR at start + " in months[-1]
        assert months[-1].endswith(" EUR MRR")

    def test_a_condition_that_leaves_accounts_out_shows_the_whole_beside(self, saaskpi: CommandLine) -> None:
        args = ("accounts", "--month", MONTH, "--metric", "active_customers", "--currency", "eur")
        assert " of " not in saaskpi(*args).out.splitlines()[-1]
        assert " of " in saaskpi(*args, "--band", "red").out.splitlines()[-1]

    @pytest.mark.parametrize("month, is_said", [("latest", True), ("2026-02..", True), (MONTH, False)])
    def test_a_month_that_still_runs_is_marked(self, saaskpi: CommandLine, month: str, is_said: bool) -> None:
        words = "2026-03 is not over: its figures are as of 2026-03-20 12:00 UTC."
        for command in ("kpis", "movements"):
            assert (words in saaskpi(command, "--month", month).out) is is_said
            assert words not in saaskpi(command, "--month", month, "--format", "csv").out
        if ".." not in month:
            assert (words in saaskpi("accounts", "--month", month).out) is is_said

    def test_only_the_figures_asked_for(self, saaskpi: CommandLine) -> None:
        rows = json.loads(saaskpi("kpis", "--metric", "mrr", "--metric", "nrr", "--json").out)
        assert set(rows[0]) == {"month", "currency", "mrr", "nrr", "valuation", "segment", "segment_value"}

    @pytest.mark.parametrize(
        "args, words",
        [
            (("kpis", "--month", "2031-01"), "2025-01 to 2026-03"),
            (("kpis", "--metric", "cooks"), "There are: mrr_start, new_mrr"),
            (("accounts", "--month", MONTH, "--metric", "nrr"), "cannot be opened"),
            (("accounts", "--month", "2025-01..2025-03"), "several months"),
            (("accounts", "--sort", "colour"), "cannot be sorted by 'colour'"),
            (("accounts", "--risk", "silence"), "Did you mean silent? There are: usage_drop,"),
            (("accounts", "--month", MONTH, "--opportunity", "silent"), "There are: near_limit,"),
            (("accounts", "--currency", "chf"), "There is MRR in EUR, JPY, USD."),
            (("movements", "--metric", "mrr"), "not made up of movements"),
            (("explain", "Globex 1", "--month", "2031-01"), "2025-01 to 2026-03"),
        ],
    )
    def test_a_mistake_is_one_clear_line(
        self, saaskpi: CommandLine, args: tuple[str, ...], words: str
    ) -> None:
        ended = saaskpi(*args)
        assert (ended.code, ended.out) == (2, "")
        assert ended.err.startswith("Error: ")
        assert words in ended.err

    @pytest.mark.parametrize("name, known", [("--band", "'no data'"), ("--status", "'past_due'")])
    def test_an_unknown_band_or_status_is_refused_with_those_that_there_are(
        self, saaskpi: CommandLine, name: str, known: str
    ) -> None:
        ended = saaskpi("accounts", name, "purple")
        assert (ended.code, ended.out) == (2, "")
        assert known in ended.err

    def test_a_flag_of_ones_own_may_be_asked_for(self, run: Tables) -> None:
        def listed(risk: str) -> Listing:
            own = {"risk": ["big_and_quiet"]}
            return list_accounts(run.__getitem__, list, View(), Filter(risk=risk), own_flags=own)

        assert listed("big_and_quiet").rows == []
        with pytest.raises(UsageError, match="no risk flag 'loud'"):
            listed("loud")

    def test_explain_tells_the_months_and_their_causes(self, saaskpi: CommandLine, run: Tables) -> None:
        account = run["mrr_movements"]["account_id"].iloc[0]
        told = json.loads(saaskpi("explain", account, "--json").out)
        assert {"months", "movements", "ledger", "differences"} <= set(told)
        sums: Counter[tuple[str, str]] = Counter()
        for row in told["ledger"]:
            sums[row["month"], row["currency"]] += row["mrr_change"]
        moved = {(r["month"], r["currency"]): r["mrr"] - r["mrr_start"] for r in told["months"]}
        assert {key: n for key, n in sums.items() if n} == {key: n for key, n in moved.items() if n}
        assert len({row["month"] for row in told["months"]}) <= 12
        printed = saaskpi("explain", account).out
        assert "What moved the MRR" in printed
        assert all(row["source_object"] in printed for row in told["ledger"] if row["mrr_change"])

    def test_explain_of_one_month_ends_with_what_counted(self, saaskpi: CommandLine, run: Tables) -> None:
        months = run["account_month"][run["account_month"]["mrr"] > 0]
        account, month = months.iloc[0]["account_id"], months.iloc[0]["month"]
        told = json.loads(saaskpi("explain", account, "--month", month, "--json").out)
        ends = {(row["month"], row["currency"]): row["mrr"] for row in told["months"]}
        counted: Counter[tuple[str, str]] = Counter()
        for item in told["month_end"]:
            counted[month, item["currency"]] += item["mrr"]
        assert dict(counted) == ends
        amounts = [(item["currency"], -item["mrr"]) for item in told["month_end"]]
        assert amounts == sorted(amounts)
        assert "What counted at the end of the month" in saaskpi("explain", account, "--month", month).out

    def test_without_a_month_accounts_are_those_of_today(self, saaskpi: CommandLine) -> None:
        assert "health_score" in json.loads(saaskpi("accounts", "--json").out)[0]
