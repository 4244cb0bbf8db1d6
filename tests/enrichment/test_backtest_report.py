"""What the report says: every figure by hand, and what must hold whatever the data."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrichment.backtest.panel import Snapshots, judged, lead_time
from enrichment.backtest.report import Report, build_report
from enrichment.backtest.statistics import Auc, Interval
from enrichment.backtest.verdict import VERDICTS, Share, give_verdict
from enrichment.messages import LANGUAGES
from tests.enrichment.panels import band_of, row, snapshots


def report_of(given: Snapshots, seed: int = 1) -> Report:
    return build_report(given, np.random.default_rng(seed))


def portfolio(seed: int, accounts: int = 300, months: int = 4, pull: float = 0.0) -> Snapshots:
    """A portfolio in which a low score makes leaving more likely by ``pull``; none is by chance alone."""
    rng = np.random.default_rng(seed)
    rows, churns = [], []
    for number in range(accounts):
        score = float(rng.uniform(0, 100))
        leaves = rng.random() < np.clip(0.2 + pull * (50 - score) / 100, 0, 1)
        month = int(rng.integers(1, months + 1)) if leaves else months + 1
        rows += [
            row(f"a{number}", f"2026-{m:02d}-01", score, share_usage=score / 100, days_idle=100 - score)
            for m in range(1, min(month, months) + 1)
        ]
        if leaves:
            churns.append((f"a{number}", f"2026-{month:02d}-20", "voluntary"))
    return snapshots(rows, churns)


# By hand. Six accounts at 1 March and 1 April; the data ends on 5 July, so that both horizons are over.
#   a 20 red     leaves 20 April   red in March and in April
#   b 40 red     leaves 10 May for payment; yellow in March
#   c 90 green   leaves 30 March, gone in April
#   d 85 green, e 60 yellow, f 30 red   stay; f pays by the year and cannot leave
HAND = snapshots(
    [
        row("a", "2026-03-01", 20, share_usage=0.2, days_idle=40, days_as_customer=100),
        row("b", "2026-03-01", 60, share_usage=0.9, days_idle=1, days_as_customer=100),
        row("c", "2026-03-01", 90, share_usage=0.9, days_idle=2, days_as_customer=50),
        row("d", "2026-03-01", 85, share_usage=0.8, days_idle=3, days_as_customer=900),
        row("e", "2026-03-01", 60, share_usage=0.6, days_idle=5, days_as_customer=300),
        row("f", "2026-03-01", 30, share_usage=0.3, days_idle=20, days_as_customer=400, can_leave=False),
        row("a", "2026-04-01", 20, share_usage=0.2, days_idle=70, days_as_customer=131),
        row("b", "2026-04-01", 40, share_usage=0.9, days_idle=1, days_as_customer=131),
        row("d", "2026-04-01", 85, share_usage=0.8, days_idle=3, days_as_customer=931),
        row("e", "2026-04-01", 60, share_usage=0.6, days_idle=5, days_as_customer=331),
        row("f", "2026-04-01", 30, share_usage=0.3, days_idle=20, days_as_customer=431, can_leave=False),
        row("g", "2026-04-01", 10, in_population=False),
        row("a", "2026-05-01", 10),
        row("d", "2026-05-01", 85),
    ],
    [("a", "2026-04-20", "voluntary"), ("b", "2026-05-10", "payment"), ("c", "2026-03-30", "voluntary")],
    [
        ("2026-03-01", "a", "silent", "risk", "high"),
        ("2026-04-01", "a", "silent", "risk", "high"),
        ("2026-03-01", "f", "silent", "risk", "medium"),
        ("2026-03-01", "d", "advocate", "opportunity", "low"),
        ("2026-04-01", "g", "silent", "risk", "high"),
        ("2026-05-01", "a", "usage_drop", "risk", "high"),
    ],
    ends_at=datetime.fromisoformat("2026-07-05"),
)


def test_the_population_by_hand() -> None:
    report = report_of(HAND)
    assert (report.snapshots, report.accounts, report.months) == (11, 6, 2)
    assert (report.first_month, report.last_month) == (
        datetime.fromisoformat("2026-03-01"),
        datetime.fromisoformat("2026-04-01"),
    )
    assert (report.events, report.voluntary, report.payment, report.churned) == (3, 2, 1, 5)
    assert (report.too_recent, report.outside) == (2, 1)
    assert report.churn_rate == pytest.approx(5 / 11)


def test_the_auc_by_hand() -> None:
    report = report_of(HAND)
    # Left: 20, 60, 90, 20, 40; stayed: 85, 60, 30, 85, 60, 30. Pairs in which the one that left is lower:
    # 20: 6, 6; 40: 4; 60: 2 and two halves; 90: 0.
    assert report.auc.value == pytest.approx((6 + 6 + 4 + 2 + 2 * 0.5) / 30)
    # Without f (30, 30): 20: 4, 4; 40: 4; 60: 2 and two halves; 90: 0.
    assert report.auc_could_leave.value == pytest.approx((4 + 4 + 4 + 3) / 20)
    assert report.auc_voluntary.value == pytest.approx((6 + 6 + 0) / 18)
    assert report.auc_payment.value == pytest.approx((4 + 3) / 12)


def test_components_and_baselines_by_hand() -> None:
    report = report_of(HAND)
    usage, engagement = report.components[:2]
    # Shares of those who left: .2, .9, .9, .2, .9; of those who stayed .8, .6, .3, .8, .6, .3.
    assert usage.name == "usage"
    assert usage.auc.value == pytest.approx((6 + 6) / 30)
    assert (engagement.auc.value, engagement.auc.rows, engagement.wrong_way) == (None, 0, False)
    silence, tenure = report.baselines
    # Idle days: 40, 1, 2, 70, 1 against 3, 5, 20, 3, 5, 20.
    assert silence.name == "days_silent"
    assert silence.auc.value == pytest.approx(12 / 30)
    # Tenure: everyone who left had been there for less time than everyone who stayed.
    assert (tenure.name, tenure.auc.value) == ("tenure", 1.0)


def test_bands_and_flags_by_hand() -> None:
    report = report_of(HAND)
    told = {band.name: (band.churned, band.rows) for band in report.bands}
    assert told == {"green": (1, 3), "yellow": (1, 3), "red": (3, 5)}
    red = report.bands[-1]
    assert (red.rate, red.lift, red.caught) == pytest.approx((0.6, 0.6 / (5 / 11), 0.6))
    silent, advocate = report.flags
    assert (silent.name, silent.kind, silent.churned, silent.rows) == ("silent", "risk", 2, 3)
    assert (silent.lift, silent.caught) == pytest.approx(((2 / 3) / (5 / 11), 0.4))
    assert (advocate.name, advocate.kind, advocate.rate) == ("advocate", "opportunity", 0)


def test_lift_and_lead_by_hand() -> None:
    report = report_of(HAND)
    # A tenth of 11 rows is 1.1 rows, all among the two rows with 20, both of whom left: 1.1 of 5.
    assert report.top_decile_caught == pytest.approx(1.1 / 5)
    assert report.top_decile_lift == pytest.approx(2.2)
    # a: red since 1 March, left 20 April: 50 days. b: red since 1 April, left 10 May: 39. c was never red.
    assert report.lead is not None
    assert (report.lead.red, report.lead.churns, report.lead.median_days) == (2, 3, 44.5)


def test_a_break_in_red_begins_the_lead_anew() -> None:
    months = [("2026-01-01", 20), ("2026-02-01", 70), ("2026-03-01", 20), ("2026-04-01", 20)]
    given = snapshots([row("a", month, score) for month, score in months], [("a", "2026-04-11", "voluntary")])
    assert lead_time(given).median_days == 41
    never = snapshots([row("a", "2026-01-01", 70)], [("a", "2026-02-11", "voluntary")])
    assert (lead_time(never).median_days, lead_time(never).churns) == (None, 1)


def test_no_day_no_lead() -> None:
    assert report_of(replace(HAND, is_dated=False)).lead is None


def test_churn_counts_up_to_the_horizon_and_not_at_the_snapshot_itself() -> None:
    rows = [row(name, "2026-01-01", 50) for name in "abc"]
    churns = [
        ("a", "2026-01-01", "voluntary"),
        ("b", "2026-04-01", "voluntary"),
        ("c", "2026-04-02", "voluntary"),
    ]
    panel = judged(snapshots(rows, churns))
    assert dict(zip(panel.rows["account_id"], panel.rows["churned"], strict=True)) == {
        "a": False,
        "b": True,
        "c": False,
    }


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(0, 40))
def test_what_comes_later_changes_no_snapshot_that_was_judged(seed: int, month: int, more: int) -> None:
    before = portfolio(seed, accounts=30)
    ends = datetime.fromisoformat("2026-04-05")
    before = replace(before, ends_at=ends)
    rng = np.random.default_rng(seed + 1)
    later_rows = [row(f"a{rng.integers(40)}_", f"2027-{month:02d}-01", 10) for _ in range(more)]
    later_churns = pd.DataFrame(
        {
            "account_id": [f"a{rng.integers(30)}" for _ in range(more)],
            "churned_at": [ends + timedelta(days=1 + int(rng.integers(300))) for _ in range(more)],
            "kind": "voluntary",
        }
    )
    kept = before.churns[before.churns["churned_at"] <= ends]
    before = replace(before, churns=kept)
    rows = (
        pd.concat([before.rows, pd.DataFrame(later_rows, columns=before.rows.columns)])
        if more
        else before.rows
    )
    after = replace(before, rows=rows, churns=pd.concat([kept, later_churns]) if more else kept)
    pd.testing.assert_frame_equal(judged(before).rows, judged(after).rows, check_dtype=False)


def test_shuffled_labels_are_a_coin_and_the_verdict_says_so() -> None:
    spanned = 0
    for seed in range(5):
        report = report_of(portfolio(seed))
        assert report.auc.interval is not None
        spanned += report.auc.interval.low <= 0.5 <= report.auc.interval.high
        assert abs((report.auc.value or 0) - 0.5) < 0.1
    assert spanned >= 4


def test_an_oracle_is_never_wrong() -> None:
    given = portfolio(1)
    known = given.rows.merge(judged(given).rows[["as_of", "account_id", "churned"]], how="left")
    left = known["churned"].fillna(value=False).to_numpy(dtype=bool)
    told = given.rows.assign(score=np.where(left, 10.0, 90.0), band=np.where(left, "red", "green"))
    report = report_of(replace(given, rows=told))
    assert (report.auc.value, report.auc.interval) == (1.0, (1.0, 1.0))
    assert (report.verdict.key, report.curve[-1]) == ("works", (1.0, 1.0))


def test_a_score_turned_upside_down_is_called_so() -> None:
    given = portfolio(2, pull=1.0)
    assert report_of(given).verdict.key == "works"
    turned = given.rows.assign(score=100 - given.rows["score"], share_usage=1 - given.rows["share_usage"])
    report = report_of(replace(given, rows=turned.assign(band=turned["score"].map(band_of))))
    assert report.verdict.key == "inverted"
    assert [measure.name for measure in report.components if measure.wrong_way] == ["usage"]


def test_few_churns_are_not_enough_and_some_are_indicative() -> None:
    rows = [row(f"a{number}", "2026-01-01", number) for number in range(60)]
    for events, key in (
        (0, "not_enough_history"),
        (9, "not_enough_history"),
        (10, "indicative"),
        (29, "indicative"),
    ):
        churns = [(f"a{number}", "2026-02-02", "voluntary") for number in range(events)]
        assert report_of(snapshots(rows, churns)).verdict.key == key
    assert report_of(snapshots([])).verdict.key == "not_enough_history"


def test_several_snapshots_of_one_churn_are_one_event() -> None:
    rows = [row(f"a{n}", f"2026-0{month}-01", n) for n in range(9) for month in (1, 2, 3)]
    churns = [(f"a{n}", "2026-03-15", "voluntary") for n in range(9)]
    report = report_of(snapshots(rows, churns))
    assert (report.events, report.churned, report.verdict.key) == (9, 27, "not_enough_history")


@pytest.mark.parametrize(
    "low, high, red, green, key",
    [
        (0.56, 0.70, (3, 10), (1, 10), "works"),
        (0.55, 0.70, (3, 10), (1, 10), "weak"),
        (0.56, 0.70, (1, 10), (3, 30), "weak"),
        (0.56, 0.70, (0, 0), (1, 10), "weak"),
        (0.56, 0.70, (3, 10), (0, 0), "weak"),
        (0.51, 0.70, (3, 10), (1, 10), "weak"),
        (0.50, 0.70, (3, 10), (1, 10), "no_better_than_chance"),
        (0.30, 0.50, (3, 10), (1, 10), "no_better_than_chance"),
        (0.30, 0.49, (3, 10), (1, 10), "inverted"),
    ],
)
def test_the_verdict_follows_its_rule(
    low: float, high: float, red: tuple[int, int], green: tuple[int, int], key: str
) -> None:
    auc = Auc((low + high) / 2, Interval(low, high), 100, 30)
    assert give_verdict(auc, 30, Share(*red), Share(*green)).key == key


def test_every_verdict_reads_in_both_languages() -> None:
    auc = Auc(0.63, Interval(0.56, 0.7), 100, 30)
    texts = {
        give_verdict(auc, 30, Share(3, 10), Share(1, 10)).sentence.text(language) for language in LANGUAGES
    }
    assert texts == {
        "In 63 of 100 pairs of an account that left and one that stayed, the score was lower for the one "
        "that left (AUC 0.63, 95% between 0.56 and 0.70; 30 churns). 30% of the red snapshots are of "
        "accounts that left (3 of 10), 10% of the green ones (1 of 10).",
        "Dans 63 paires sur 100 d’un compte parti et d’un compte resté, le score du compte parti était plus "
        "bas (AUC 0,63, à 95\u202f% entre 0,56 et 0,70\u202f; 30 départs). 30\u202f% des instantanés "
        "rouges sont de comptes partis (3 sur 10), contre 10\u202f% des verts (1 sur 10).",
    }
    for events, auc_ in ((3, auc), (12, auc), (40, Auc(0.5, Interval(0.4, 0.6), 9, 3))):
        verdict = give_verdict(auc_, events, Share(3, 10), Share(1, 10))
        assert verdict.key in VERDICTS
        assert all(verdict.sentence.text(language) for language in LANGUAGES)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), st.floats(-1, 1))
def test_bands_add_up(seed: int, pull: float) -> None:
    report = report_of(portfolio(seed, accounts=40, pull=pull))
    assert sum(band.rows for band in report.bands) == report.snapshots
    assert sum(band.churned for band in report.bands) == report.churned
    if report.churned:
        assert sum(band.caught or 0 for band in report.bands) == pytest.approx(1)
    for group in (*report.bands, *report.flags):
        assert group.interval is not None
        assert group.rate is not None
        assert group.interval.low - 1e-9 <= group.rate <= group.interval.high + 1e-9


def test_the_same_seed_gives_the_same_report() -> None:
    given = portfolio(4)
    assert report_of(given, 7) == report_of(given, 7)
    assert report_of(given, 7).auc.interval != report_of(given, 8).auc.interval
