"""The commands that hold the score against who left: backtest, and weights suggest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from saaskpi.cli.base import Context, shared_options, utc_now
from saaskpi.cli.output import Column, console, print_json, print_lines, print_rows
from saaskpi.errors import UsageError

if TYPE_CHECKING:
    from enrichment.backtest.report import Group
    from saaskpi.backtest.running import Backtest
    from saaskpi.backtest.words import Words

Style = Literal["table", "json", "html"]
_SEED = 1
_WIDTH = 100


def _source_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add where the snapshots come from."""
    for option in (
        click.option(
            "--mapping",
            type=click.Path(path_type=Path),
            help="With --csv: TOML that says what the columns mean.",
        ),
        click.option(
            "--events", type=click.Path(path_type=Path), help="With --csv: usage events, CSV or Parquet."
        ),
        click.option(
            "--csv",
            "accounts",
            type=click.Path(path_type=Path),
            help="Accounts and who left, CSV or Parquet, instead of the home's data.",
        ),
        click.option(
            "--horizon",
            default=90,
            show_default=True,
            help="Days after a snapshot within which leaving counts.",
        ),
    ):
        command = option(command)
    return command


@click.command(epilog="Example: saaskpi backtest --format html -o backtest.html")
@_source_options
@click.option(
    "--format",
    "style",
    type=click.Choice(["table", "json", "html"]),
    default="table",
    show_default=True,
    help="A table for the terminal, JSON for a script, or a page with charts.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    help="File to write instead of the screen.",
)
@click.option(
    "--seed",
    default=_SEED,
    show_default=True,
    type=click.IntRange(0),
    help="Number that the random samples behind the intervals start from: same seed, same intervals.",
)
@shared_options
def backtest(
    context: Context,
    accounts: Path | None,
    events: Path | None,
    mapping: Path | None,
    horizon: int,
    style: Style,
    as_json: bool,
    output: Path | None,
    seed: int,
) -> None:
    """Test whether the health score foretells who leaves.

    Computes the scores of each past month from what was known then, looks at who left afterwards, and gives a
    verdict with the figures behind it. Reads the home's data, or with --csv anybody's: a row per account and
    month, or per account's life. docs/backtest.md says how to read it and what the columns are.
    """
    from saaskpi.backtest.running import Source, run_backtest  # pandas and DuckDB take a second to import

    if output is not None and not output.parent.is_dir():
        raise UsageError(f"The folder {output.parent} does not exist.", hint="Name a file in one that does.")
    pipeline, source = context.pipeline(), Source(accounts, events, mapping)
    with context.stages.stage("backtest") as tell:
        found = run_backtest(pipeline, source, horizon, seed, utc_now(), tell)
        tell(f"{found.report.snapshots:,} snapshots of {found.report.accounts:,} accounts")
    text = _writer(found, pipeline.settings.language, "json" if as_json else style)
    if output is None:
        text()
        return
    with output.open("w", encoding="utf-8") as file:
        text(file)


def _writer(found: Backtest, language: str, style: Style) -> Callable[..., None]:
    """Return what writes the report to a stream, standard output by default."""
    if style == "json":
        from saaskpi.backtest.words import as_dict

        return lambda out=None: print_json(as_dict(found, language), out)
    if style == "html":
        from saaskpi.backtest.page import page

        return lambda out=None: click.echo(page(found, language), file=out)
    return lambda out=None: _print(found, language, out)


@click.group(epilog="Example: saaskpi weights suggest")
def weights() -> None:
    """Find weights of the health score that fit who left."""


@weights.command(epilog="Example: saaskpi weights suggest")
@_source_options
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@shared_options
def suggest(
    context: Context,
    accounts: Path | None,
    events: Path | None,
    mapping: Path | None,
    horizon: int,
    as_json: bool,
) -> None:
    """Suggest weights that fit who left.

    Only where there is enough history, and only if they do no worse on later months than the present ones.
    Changes nothing: prints the lines to paste into saaskpi.toml.
    """
    from saaskpi.backtest.running import Source, suggest_weights

    pipeline, source = context.pipeline(), Source(accounts, events, mapping)
    with context.stages.stage("weights") as tell:
        found = suggest_weights(pipeline, source, horizon, utc_now(), tell)
        tell(f"{found.events:,} churns")
    sentence = found.sentence.text(pipeline.settings.language)
    if as_json:
        numbers = {"present_auc": found.present_auc, "fitted_auc": found.fitted_auc, "points": found.points}
        print_json({"result": found.key, "sentence": sentence, "events": found.events, **numbers})
        return
    print_lines([sentence])
    if found.toml:
        click.echo(f"\n{found.toml}", nl=False)


def _print(found: Backtest, language: str, out: Any) -> None:
    """Print the verdict, what it rests on, and the tables."""
    from saaskpi.backtest.words import Words, left_out, measures, population, remarks

    words, report = Words(language), found.report
    title = words.text(report.verdict.title)
    _paragraphs([f"{title}. {words.text(report.verdict.sentence)}", *remarks(found, words)], out)
    rows: list[dict[str, Any]] = [
        {
            "measure": words.measure(name),
            "auc": words.figure(auc.value),
            "interval": words.figures(auc.interval),
            "snapshots": words.count(auc.rows),
            "churned": words.count(auc.churned),
        }
        for name, auc in measures(report)
    ]
    _table(rows, ("measure", "auc", "interval", "snapshots", "churned"), words, out)
    for name, groups in (("band", report.bands), ("flag", report.flags)):
        _table([_cells(name, group, words) for group in groups], _group_columns(name), words, out)
    about = [population(report, words), left_out(report, words), words.say("page.figure")]
    _paragraphs(filter(None, [*about, words.say("page.seed", seed=found.seed)]), out)


def _group_columns(name: str) -> tuple[str, ...]:
    kind = ("kind",) if name == "flag" else ()
    return (name, *kind, "snapshots", "churned", "rate", "interval", "lift", "caught")


def _cells(name: str, group: Group, words: Words) -> dict[str, str]:
    return {
        name: words.group(group),
        "kind": words.say(f"kind.{group.kind}") if name == "flag" else "",
        "snapshots": words.count(group.rows),
        "churned": words.count(group.churned),
        "rate": words.percent(group.rate),
        "interval": words.percents(group.interval),
        "lift": words.figure(group.lift, 1),
        "caught": words.percent(group.caught),
    }


def _table(rows: Sequence[dict[str, Any]], names: Sequence[str], words: Words, out: Any) -> None:
    if not rows:
        return
    texts = ("measure", "band", "flag", "kind")
    columns = [
        Column(name, words.say(f"column.{name}"), "text" if name in texts else "figure") for name in names
    ]
    print_rows(rows, columns, "table", out)
    click.echo("", file=out)


def _paragraphs(texts: Iterable[str], out: Any) -> None:
    """Print sentences, broken at the terminal's width, each apart from the next."""
    from rich.text import Text

    from saaskpi.cli.output import one_line

    screen = console(out)
    screen.width = min(screen.width, _WIDTH)
    for text in texts:
        screen.print(Text(one_line(text)))
        screen.print()


COMMANDS = (backtest, weights)
