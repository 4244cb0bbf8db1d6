"""The ``saaskpi`` command: one group, every command with ``--help`` and an example.

Exit codes: 0 done, 1 failed, 2 used wrongly, 3 a person must decide, 130 stopped by hand, 141 nobody reads
the output any more (``saaskpi accounts | head``).
"""

from __future__ import annotations

import os
import sys
from typing import Final, NoReturn

import click

from saaskpi.cli import (
    alerts,
    backtest,
    calc,
    dead_letters,
    demo,
    erase,
    figures,
    history,
    imports,
    jobs,
    link,
    operate,
    override,
    policy,
    reconcile,
    serve,
    setup,
    show,
    tokens,
    undo,
    webhooks,
)
from saaskpi.cli.base import Context, shared_options
from saaskpi.cli.output import one_line
from saaskpi.errors import SaaskpiError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="saaskpi", prog_name="saaskpi")
@shared_options
def cli(context: Context) -> None:
    """Trustworthy SaaS numbers where sales teams work.

    Reads Stripe and HubSpot, computes MRR, health and flags, and writes them back to HubSpot.

    Start here: saaskpi demo (no keys needed), or saaskpi init.
    """
    del context


_MODULES = (
    demo,
    setup,
    imports,
    operate,
    undo,
    show,
    link,
    override,
    figures,
    policy,
    reconcile,
    backtest,
    calc,
    serve,
    jobs,
    webhooks,
    tokens,
    history,
    dead_letters,
    alerts,
    erase,
)

for _module in _MODULES:
    for _command in _module.COMMANDS:
        cli.add_command(_command)


_READER_GONE: Final = 141
"""What shells tell of a tool that the signal of a closed pipe ended."""


def main() -> None:
    """Run the command line; every expected error is one clear line and the documented exit code."""
    try:
        code = _run()
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit):  # click and rich exit on a closed pipe, and on nothing else
        _end_quietly()
    sys.exit(code)


def _run() -> int:
    try:
        code = cli(standalone_mode=False)
    except SaaskpiError as error:
        click.echo(f"Error: {one_line(str(error))}", err=True)
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped. Nothing is half done: run the same command again to go on.", err=True)
        return 130
    except BrokenPipeError:
        raise
    except OSError as error:
        click.echo(f"Error: The system refused: {error.strerror or error}.", err=True)
        return 1
    return code if isinstance(code, int) else 0


def _end_quietly() -> NoReturn:
    """End as other tools do when nobody reads any more."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:  # what is left in its buffer is written once more when Python ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    sys.exit(_READER_GONE)
