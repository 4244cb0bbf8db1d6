"""The backtest as one page that stands alone: no script, nothing loaded, light and dark, phone and print."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from enrichment.backtest.report import Group, Report
from enrichment.backtest.verdict import INDICATIVE, NOT_ENOUGH, WEAK, WORKS
from saaskpi.backtest.charts import bands_chart, curve_chart, measures_chart
from saaskpi.backtest.running import Backtest
from saaskpi.backtest.style import STYLE
from saaskpi.backtest.words import Words, left_out, measures, population, remarks

_TONES: Final = {WORKS: "good", WEAK: "fair", INDICATIVE: "fair", NOT_ENOUGH: "fair"}
_SHOWN_SHARES: Final = (5, 10, 20, 30, 50)
Cell = str | tuple[str, str]


def page(backtest: Backtest, language: str) -> str:
    """Return the page.

    Args:
        backtest: what was found.
        language: ``en`` or ``fr``.
    """
    report, words = backtest.report, Words(language)
    sections = [_verdict(report, words), _remarks(remarks(backtest, words))]
    if report.snapshots:
        sections += [_bands(report, words), _measures(report, words)]
    if report.curve:
        sections.append(_curve(report, words))
    if report.flags:
        sections.append(_flags(report, words))
    title = escape(words.say("page.title"))
    head = '<meta charset="utf-8"/>\n<meta name="viewport" content="width=device-width, initial-scale=1"/>'
    body = "\n".join([f"<h1>{title}</h1>", *filter(None, sections), _footer(backtest, words)])
    return (
        f'<!doctype html>\n<html lang="{language}">\n<head>\n{head}\n<title>{title}</title>\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>"
    )


def _verdict(report: Report, words: Words) -> str:
    title, sentence = words.text(report.verdict.title), words.text(report.verdict.sentence)
    tone = _TONES.get(report.verdict.key, "bad")
    return (
        f'<section class="verdict {tone}"><strong>{escape(title)}</strong><p>{escape(sentence)}</p></section>'
    )


def _remarks(texts: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(text)}</li>" for text in texts)
    return f"<section><ul>{items}</ul></section>" if items else ""


def _footer(backtest: Backtest, words: Words) -> str:
    report = backtest.report
    texts = [population(report, words), left_out(report, words), words.say("page.figure")]
    texts.append(words.say("page.seed", seed=backtest.seed))
    return f"<footer>{''.join(f'<p>{escape(text)}</p>' for text in filter(None, texts))}</footer>"


def _bands(report: Report, words: Words) -> str:
    rows = [_group_cells(group, words, with_lift=False) for group in report.bands]
    table = _table(_heads(words, "band", "rate", "churned", "caught"), rows)
    about = words.say("page.bands_about", days=report.horizon_days)
    return _section(words.say("page.bands"), about, bands_chart(report, words), table)


def _measures(report: Report, words: Words) -> str:
    rows: list[Sequence[Cell]] = [
        (
            words.measure(name),
            (words.figure(auc.value), words.figures(auc.interval)),
            (words.count(auc.churned), f"/ {words.count(auc.rows)}"),
        )
        for name, auc in measures(report)
    ]
    table = _table(_heads(words, "measure", "auc", "churned"), rows)
    return _section(
        words.say("page.measures"), words.say("page.measures_about"), measures_chart(report, words), table
    )


def _curve(report: Report, words: Words) -> str:
    rows = [
        (words.whole_percent(share), words.percent(caught))
        for share, caught in report.curve
        if round(100 * share) in _SHOWN_SHARES
    ]
    table = _table(_heads(words, "lowest", "caught"), rows)
    return _section(words.say("page.curve"), words.say("page.curve_about"), curve_chart(report, words), table)


def _flags(report: Report, words: Words) -> str:
    rows = [_group_cells(group, words, with_lift=True) for group in report.flags]
    table = _table(_heads(words, "flag", "rate", "churned", "lift", "caught"), rows)
    title, about = words.say("page.flags"), words.say("page.flags_about")
    return f'<section><h2>{escape(title)}</h2><p class="about">{escape(about)}</p>{table}</section>'


def _group_cells(group: Group, words: Words, *, with_lift: bool) -> list[Cell]:
    name: Cell = words.group(group)
    if group.kind != "band":
        name = (words.group(group), words.say(f"kind.{group.kind}"))
    cells: list[Cell] = [
        name,
        (words.percent(group.rate), words.percents(group.interval)),
        (words.count(group.churned), f"/ {words.count(group.rows)}"),
    ]
    if with_lift:
        cells.append(words.figure(group.lift, 1))
    return [*cells, words.percent(group.caught)]


def _section(title: str, about: str, chart: str, table: str) -> str:
    return (
        f'<section><h2>{escape(title)}</h2><p class="about">{escape(about)}</p>'
        f'<div class="pair">{chart}{table}</div></section>'
    )


def _heads(words: Words, *names: str) -> list[Cell]:
    """Return the heads of a table, with what stands below the figure in small."""
    below = {"rate": words.say("column.interval"), "auc": words.say("column.interval")}
    below["churned"] = f"/ {words.say('column.snapshots')}"
    return [
        (words.say(f"column.{name}"), below[name]) if name in below else words.say(f"column.{name}")
        for name in names
    ]


def _table(heads: Sequence[Cell], rows: Iterable[Sequence[Cell]]) -> str:
    head = "".join(f'<th scope="col">{_cell(cell)}</th>' for cell in heads)
    body = "".join(
        f'<tr><th scope="row">{_cell(first)}</th>{"".join(f"<td>{_cell(cell)}</td>" for cell in rest)}</tr>'
        for first, *rest in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(cell: Cell) -> str:
    if isinstance(cell, str):
        return _breakable(cell)
    return f"{_breakable(cell[0])}<small>{escape(cell[1])}</small>"


def _breakable(text: str) -> str:
    """Let long names of flags break after an underscore."""
    return escape(text).replace("_", "_<wbr/>")
