"""``saaskpi jobs``: what the scheduler does, when it did it last, and one job now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from saaskpi.cli.base import Context, shared_options, utc_now
from saaskpi.cli.output import Column, print_json, print_lines, print_rows

if TYPE_CHECKING:
    from warehouse.jobs import JobRun
    from webhook_server.services import Services

_NAMES = ("pull", "full_refresh", "enrich_and_apply", "reconcile", "compact", "backup")
_COLUMNS = (
    Column("job", "Job"),
    Column("schedule", "Schedule (UTC)"),
    Column("last", "Last (UTC)", "date"),
    Column("took", "Took", "figure"),
    Column("result", "Result"),
    Column("next", "Next (UTC)", "date"),
    Column("next_local", "Next (here)", "date"),
)
_EXIT_CODES = {"failed": 1, "needs_person": 3}


@click.group(invoke_without_command=True, epilog="Example: saaskpi jobs run backup")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@shared_options
@click.pass_context
def jobs(ctx: click.Context, context: Context, as_json: bool) -> None:
    """Show the scheduled jobs: when each ran last and how it ended, and when it runs next.

    They run while saaskpi serve does.
    """
    if ctx.invoked_subcommand is not None:
        return
    rows = list(_rows(_services(context), utc_now()))
    if as_json:
        print_json(rows)
        return
    print_rows([_shown(row) for row in rows], _COLUMNS, "table")
    print_lines(
        f"{row['job']}: {row['last']['error']}" for row in rows if row["last"] and row["last"]["error"]
    )


@jobs.command(epilog="Example: saaskpi jobs run reconcile --json")
@click.argument("name", type=click.Choice(_NAMES))
@click.option("--json", "as_json", is_flag=True, help="Print its record as JSON.")
@shared_options
def run(context: Context, name: str, as_json: bool) -> int:
    """Run the job NAME now; refused while another one is at work."""
    from webhook_server.job_runner import JobRunner
    from webhook_server.jobs import JOBS

    done = JobRunner(_services(context), JOBS, {}).run_now(name)
    if as_json:
        print_json(_record(done, utc_now()))
    else:
        counts = ", ".join(_counted(done.result))
        status = done.status.replace("_", " ")
        print_lines([f"{name}: {status}. {done.error or counts}".removesuffix(" ")])
    return _EXIT_CODES.get(done.status, 0)


def _counted(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a job did in words; sums by currency come in minor units and are shown in units."""
    from enrichment.money import format_money

    for key, value in result.items():
        name = key.replace("_", " ")
        if isinstance(value, dict):
            yield from (f"{name} {format_money(amount, currency)}" for currency, amount in value.items())
        elif isinstance(value, bool):
            yield f"{name}: {'yes' if value else 'no'}"
        else:
            yield f"{name} {value}"


def _services(context: Context) -> Services:
    # Here, because the server's parts take a second to import and --help needs none of them.
    from webhook_server.services import Services

    services = Services(context.settings(), utc_now, context.stages)
    click.get_current_context().call_on_close(services.close)
    return services


def _rows(services: Services, now: datetime) -> Iterator[dict[str, Any]]:
    """Return each job with its last run and its next slot."""
    from warehouse.jobs import JobLedger
    from webhook_server.scheduler import schedules

    ledger, crons = JobLedger(services.store.engine), schedules(services.settings.schedule)
    for name in _NAMES:
        cron, last = crons.get(name), ledger.last(name)
        yield {
            "job": name,
            "schedule": cron.text if cron else None,
            "next": cron.next(now) if cron else None,
            "last": _record(last, now) if last else None,
        }


def _record(run: JobRun, now: datetime) -> dict[str, Any]:
    """Return a run for JSON; what is under way has taken the time since it began."""
    seconds = ((run.finished_at or now) - run.claimed_at).total_seconds()
    return {**asdict(run), "seconds": seconds}


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row for the table: times without seconds, here and in UTC."""
    last, following = row["last"], row["next"]
    return {
        "job": row["job"],
        "schedule": row["schedule"],
        "last": f"{last['scheduled_for']:%Y-%m-%d %H:%M}" if last else None,
        "took": f"{last['seconds']:,.1f} s" if last else None,
        "result": last["status"].replace("_", " ") if last else None,
        "next": f"{following:%Y-%m-%d %H:%M}" if following else None,
        "next_local": f"{following.astimezone():%Y-%m-%d %H:%M}" if following else None,
    }


COMMANDS = (jobs,)
