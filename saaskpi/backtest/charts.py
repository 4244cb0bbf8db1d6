"""The charts of the backtest's page: SVG drawn here, readable in light and dark, told to screen readers.

Colours are classes of the page's style; sizes are units of the view box, which the page scales to its width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil
from typing import Final

from enrichment.backtest.report import Report
from enrichment.backtest.statistics import Auc, Interval
from saaskpi.backtest.words import Words, measures

_WIDTH: Final = 420
_ROW: Final = 34
_LABELS: Final = 176
_VALUES: Final = 52
_TOP: Final = 8
_AXIS: Final = 26
_STEPS: Final = (0.02, 0.05, 0.1, 0.2, 0.25, 0.5)


@dataclass(frozen=True, slots=True)
class _Scale:
    """From figures to places between two ends."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)


def bands_chart(report: Report, words: Words) -> str:
    """Draw the share of each band that left, with its interval; the broken line is the share of all."""
    groups = [group for group in report.bands if group.rate is not None]
    top = max((group.interval.high if group.interval else group.rate or 0 for group in groups), default=0.0)
    step = next((step for step in _STEPS if top <= 5 * step), _STEPS[-1])
    scale = _Scale(0, max(step * ceil(top / step - 1e-9), step), _LABELS - 86, _WIDTH - _VALUES)
    parts = [_ticks(scale, step, len(groups), words.whole_percent)]
    for place, group in enumerate(groups):
        middle, rate = _middle(place), group.rate or 0.0
        left, right = scale.at(0), scale.at(rate)
        kind = escape(group.name.replace(" ", "-"), quote=True)
        parts += [
            _text(scale.start - 8, middle, words.group(group), "end"),
            f'<path class="band {kind}" d="M{left} {middle - 10}H{right}V{middle + 10}H{left}Z"/>',
            _whisker(scale, middle, group.interval),
            _text(_WIDTH, middle, words.percent(rate), "end", "value"),
        ]
    if report.churn_rate is not None:
        parts.append(_rule(scale.at(report.churn_rate), len(groups)))
    desc = "; ".join(
        f"{words.group(g)} {words.percent(g.rate)} ({words.percents(g.interval)})" for g in groups
    )
    return _svg("bands", words.say("page.bands"), desc, _height(len(groups)), parts)


def measures_chart(report: Report, words: Words) -> str:
    """Draw the AUC of everything that has one, with its interval; the line is a coin."""
    rows = measures(report)
    lowest = min((_low(auc) for _, auc in rows), default=0.5)
    # Whole fifths, so that the axis ends at 1.
    scale = _Scale(min(0.4, int(lowest * 5) / 5), 1, _LABELS, _WIDTH - _VALUES)
    parts = [
        _ticks(scale, 0.1, len(rows), lambda value: words.figure(value, 1)),
        _rule(scale.at(0.5), len(rows)),
    ]
    for place, (name, auc) in enumerate(rows):
        middle, value = _middle(place), auc.value or 0.0
        kind = "score" if name == "score" else "other"
        parts += [
            _wrapped(_LABELS - 8, middle, words.measure(name)),
            _whisker(scale, middle, auc.interval),
            f'<circle class="{kind}" cx="{scale.at(value)}" cy="{middle}" r="6"/>',
            _text(_WIDTH, middle, words.figure(value), "end", "value"),
        ]
    desc = "; ".join(
        f"{words.measure(name)} {words.figure(auc.value)} ({words.figures(auc.interval)})"
        for name, auc in rows
    )
    return _svg("measures", words.say("page.measures"), desc, _height(len(rows)), parts)


def curve_chart(report: Report, words: Words) -> str:
    """Draw how much of all churn stands among the accounts with the lowest scores."""
    height = 300
    across = _Scale(0, 1, 46, _WIDTH - 12)
    up = _Scale(0, 1, height - _AXIS - 18, 12)
    parts = []
    for tick in (0, 0.25, 0.5, 0.75, 1):
        x, y = across.at(tick), up.at(tick)
        parts += [
            f'<line class="grid" x1="{across.start}" x2="{across.end}" y1="{y}" y2="{y}"/>',
            _text(across.start - 8, y, words.whole_percent(tick), "end", "tick"),
            _text(x, up.start + 16, words.whole_percent(tick), "end" if tick == 1 else "middle", "tick"),
        ]
    points = " ".join(f"{across.at(x)},{up.at(y)}" for x, y in report.curve)
    parts += [
        f'<line class="rule" x1="{across.at(0)}" y1="{up.at(0)}" x2="{across.at(1)}" y2="{up.at(1)}"/>',
        f'<polyline class="curve" points="{points}"/>',
        _text((across.start + across.end) / 2, height - 8, words.say("column.lowest"), "middle", "tick"),
    ]
    told = [(x, y) for x, y in report.curve if round(x * 100) in (10, 25, 50)]
    desc = "; ".join(f"{words.percent(x)}: {words.percent(y)}" for x, y in told)
    return _svg("curve", words.say("page.curve"), desc, height, parts)


def _low(auc: Auc) -> float:
    return auc.interval.low if auc.interval else auc.value or 0.5


def _middle(place: int) -> float:
    return _TOP + _ROW * place + _ROW / 2


def _height(rows: int) -> int:
    return _TOP + _ROW * rows + _AXIS


def _ticks(scale: _Scale, step: float, rows: int, written: Callable[[float], str]) -> str:
    """Draw the grid and its figures below."""
    bottom = _TOP + _ROW * rows
    count = round((scale.high - scale.low) / step)
    every = max(1, ceil(count / 5))
    parts = []
    for number in range(0, count + 1, every):
        value = scale.low + number * step
        x = scale.at(value)
        parts.append(f'<line class="grid" x1="{x}" x2="{x}" y1="{_TOP}" y2="{bottom}"/>')
        parts.append(_text(x, bottom + 14, written(value), "middle", "tick"))
    return "".join(parts)


def _rule(x: float, rows: int) -> str:
    return f'<line class="rule" x1="{x}" x2="{x}" y1="{_TOP}" y2="{_TOP + _ROW * rows}"/>'


def _whisker(scale: _Scale, middle: float, interval: Interval | None) -> str:
    if interval is None:
        return ""
    left, right = scale.at(interval.low), scale.at(interval.high)
    ends = "".join(f"M{x} {middle - 5}V{middle + 5}" for x in (left, right))
    return f'<path class="whisker" d="M{left} {middle}H{right}{ends}"/>'


def _text(x: float, y: float, words: str, anchor: str, kind: str = "label") -> str:
    return f'<text class="{kind}" x="{x}" y="{y + 4.5}" text-anchor="{anchor}">{escape(words)}</text>'


def _wrapped(x: float, y: float, words: str) -> str:
    """Write a long label in two lines, parted at its comma."""
    first, comma, rest = words.partition(", ")
    if not comma:
        return _text(x, y, words, "end")
    return _text(x, y - 7, first + ",", "end") + _text(x, y + 7, rest, "end", "label small")


def _svg(name: str, title: str, desc: str, height: int, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-desc">{escape(desc)}</desc>'
        f"{''.join(parts)}</svg>"
    )
