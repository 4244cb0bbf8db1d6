"""A backtest as people read it: names and figures in their language, and the lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from enrichment.backtest.report import Group, Report
from enrichment.backtest.statistics import Auc, Interval
from enrichment.backtest.words import Figure, Percent
from enrichment.messages import Sayable, catalogue, say
from enrichment.money import format_number
from saaskpi.backtest.running import Backtest

UNKNOWN = "-"


class Words:
    """Says things in one language.

    Args:
        language: ``en`` or ``fr``.
    """

    def __init__(self, language: str) -> None:
        self.language = language

    def say(self, key: str, **values: object) -> str:
        """Return an entry of the backtest's catalogue."""
        return say(f"backtest.{key}", **values).text(self.language)

    def text(self, words: Sayable) -> str:
        """Return it in the language."""
        return words.text(self.language)

    def count(self, number: int) -> str:
        """Return a whole number with its thousands parted."""
        return format_number(str(number), self.language)

    def percent(self, share: float | None) -> str:
        """Return a share in per cent."""
        return UNKNOWN if share is None else Percent(share).text(self.language)

    def whole_percent(self, share: float) -> str:
        """Return a share in per cent without decimals, as on an axis."""
        return Percent(share, 0).text(self.language)

    def percents(self, interval: Interval | None) -> str:
        """Return the two ends of an interval in per cent."""
        return UNKNOWN if interval is None else " - ".join(map(self.percent, interval))

    def figure(self, value: float | None, digits: int = 2) -> str:
        """Return a number."""
        return UNKNOWN if value is None else Figure(value, digits).text(self.language)

    def figures(self, interval: Interval | None) -> str:
        """Return the two ends of an interval."""
        return UNKNOWN if interval is None else " - ".join(map(self.figure, interval))

    def group(self, group: Group) -> str:
        """Return a band's name; flags have the same in all languages."""
        return self.say(f"band.{group.name.replace(' ', '_')}") if group.kind == "band" else group.name

    def measure(self, name: str) -> str:
        """Return the name of a component or of a baseline."""
        key = f"component.{name}"
        return say(key).text(self.language) if key in catalogue("en") else self.say(f"measure.{name}")


def measures(report: Report) -> list[tuple[str, Auc]]:
    """Return all that has an AUC, by name: the score, parts of the population, components, baselines."""
    kinds = [("voluntary", report.auc_voluntary), ("payment", report.auc_payment)]
    if not report.payment:
        kinds = []  # All churn is voluntary: that is the score's own line.
    found = [
        ("score", report.auc),
        ("could_leave", report.auc_could_leave),
        *kinds,
        *((measure.name, measure.auc) for measure in (*report.components, *report.baselines)),
    ]
    return [(name, auc) for name, auc in found if auc.value is not None]


def remarks(backtest: Backtest, words: Words) -> Iterator[str]:
    """Say what a reader must not overlook, a sentence each, the weightiest first."""
    report = backtest.report
    for measure in report.components:
        if measure.wrong_way:
            yield words.say("page.wrong_way", name=words.measure(measure.name))
    for measure in report.baselines:
        theirs, ours = measure.auc.value, report.auc.value
        if theirs is not None and ours is not None and theirs >= ours:
            name = words.measure(measure.name)
            yield words.say("page.baseline_wins", name=name, theirs=Figure(theirs), ours=Figure(ours))
    if report.top_decile_lift is not None and report.top_decile_caught is not None:
        caught, lift = Percent(report.top_decile_caught), Figure(report.top_decile_lift, 1)
        yield words.say("page.decile", caught=caught, lift=lift)
    if report.lead is not None and report.lead.churns:
        yield _lead(report, words)
    yield from backtest.notes


def _lead(report: Report, words: Words) -> str:
    lead = report.lead
    if lead is None or lead.median_days is None:
        return words.say("page.no_lead", churns=lead.churns if lead else 0)
    days = Figure(lead.median_days, 0)
    return words.say("page.lead", days=days, n=lead.red, churns=lead.churns)


def population(report: Report, words: Words) -> str:
    """Say what was looked at."""
    if report.first_month is None or report.last_month is None or report.churn_rate is None:
        return words.say("page.no_population")
    return words.say(
        "page.population",
        snapshots=words.count(report.snapshots),
        accounts=words.count(report.accounts),
        n=report.months,
        first=report.first_month.date(),
        last=report.last_month.date(),
        events=words.count(report.events),
        voluntary=words.count(report.voluntary),
        payment=words.count(report.payment),
        days=report.horizon_days,
        rate=Percent(report.churn_rate),
    )


def left_out(report: Report, words: Words) -> str:
    """Say what was not looked at, and why; empty when nothing was left out."""
    if not report.too_recent + report.outside:
        return ""
    recent, outside = words.count(report.too_recent), words.count(report.outside)
    return words.say("page.left_out", recent=recent, days=report.horizon_days, outside=outside)


def as_dict(backtest: Backtest, language: str) -> dict[str, Any]:
    """Return everything for JSON; the verdict's words are in the language."""
    report, words = backtest.report, Words(language)
    verdict = {
        "key": report.verdict.key,
        "title": words.text(report.verdict.title),
        "sentence": words.text(report.verdict.sentence),
    }
    # The verdict first; its messages have no form of their own in JSON.
    whole = {name: value for name, value in asdict(report).items() if name != "verdict"}
    return {"verdict": verdict, **whole, "seed": backtest.seed, "remarks": list(remarks(backtest, words))}
