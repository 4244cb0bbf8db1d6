"""The backtest's page: well-formed, self-contained, readable by everyone, and true to the report."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from enrichment.backtest.report import build_report
from enrichment.messages import LANGUAGES
from saaskpi.backtest.page import page
from saaskpi.backtest.running import Backtest
from tests.enrichment.panels import row, snapshots

ROWS = [
    row(f"a{n}", f"2026-0{month}-01", n % 100, share_usage=(n % 100) / 100, days_idle=n % 7)
    for n in range(120)
    for month in (1, 2)
]
CHURNS = [
    (f"a{n}", "2026-02-20", "payment" if n % 2 else "voluntary") for n in range(120) if n % 100 < 40 and n % 3
]
FLAGS = [(f"2026-0{month}-01", f"a{n}", "usage_drop", "risk", "high") for n in range(30) for month in (1, 2)]
FULL = Backtest(
    build_report(snapshots(ROWS, CHURNS, FLAGS), np.random.default_rng(1)), ("<b>odd & ends</b>",), 1
)
NOTHING = Backtest(build_report(snapshots([]), np.random.default_rng(1)), (), 1)


def tree(text: str) -> ElementTree.Element:
    head, _, rest = text.partition("\n")
    assert head == "<!doctype html>"
    return ElementTree.fromstring(rest)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("backtest", [FULL, NOTHING], ids=["full", "nothing"])
def test_the_page_stands_alone(backtest: Backtest, language: str) -> None:
    text = page(backtest, language)
    root = tree(text)
    assert root.get("lang") == language
    assert not {item.tag for item in root.iter()} & {"script", "link", "img", "iframe", "object"}
    names = {name for item in root.iter() for name in item.attrib}
    assert not [name for name in names if name.startswith("on") or name in ("src", "href")]
    assert not re.search(r"https?:|url\(|@import", text)
    title = root.findtext(".//main//section/strong")
    assert title == backtest.report.verdict.title.text(language)


def test_every_chart_says_what_it_shows_and_stands_beside_a_table() -> None:
    root = tree(page(FULL, "en"))
    charts = root.findall(".//svg")
    assert len(charts) == 3
    ids = [item.get("id") for item in root.iter() if item.get("id")]
    assert len(ids) == len(set(ids))
    for chart in charts:
        assert chart.get("role") == "img"
        assert str(chart.get("aria-labelledby")).split() == [chart[0].get("id"), chart[1].get("id")]
        assert [item.tag for item in chart[:2]] == ["title", "desc"]
        assert all(item.text for item in chart[:2])
    assert len(root.findall(".//div[@class='pair']/table")) == 3
    for table in root.iter("table"):
        heads = table.findall("thead/tr/th")
        assert all(head.get("scope") == "col" for head in heads)
        for line in table.findall("tbody/tr"):
            assert len(list(line)) == len(heads)
            assert line[0].get("scope") == "row"


def test_the_page_shows_the_figures_of_the_report() -> None:
    text = page(FULL, "en")
    for band in FULL.report.bands:
        assert f"{band.churned:,}<small>/ {band.rows:,}</small>" in text
    assert f"{FULL.report.auc.value:.2f}" in text
    assert "usage_<wbr/>drop" in text


def test_texts_of_strangers_stay_texts() -> None:
    assert "<b>" not in page(FULL, "en")
    assert "&lt;b&gt;odd &amp; ends&lt;/b&gt;" in page(FULL, "en")


def test_nothing_of_a_chart_lies_outside_of_it() -> None:
    for chart in tree(page(FULL, "fr")).findall(".//svg"):
        _, _, width, height = map(float, str(chart.get("viewBox")).split())
        for item in chart.iter():
            for name in ("x", "x1", "x2", "cx"):
                assert 0 <= float(item.get(name, "0")) <= width
            for name in ("y", "y1", "y2", "cy"):
                assert 0 <= float(item.get(name, "0")) <= height


def test_a_component_that_points_the_wrong_way_is_named() -> None:
    usage = replace(FULL.report.components[0], wrong_way=True)
    report = replace(FULL.report, components=(usage, *FULL.report.components[1:]))
    assert "Product usage points the wrong way here" in page(replace(FULL, report=report), "en")
