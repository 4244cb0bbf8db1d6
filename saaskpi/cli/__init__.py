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
        code = cli(standalone_mode=False)
        sys.stdout.flush()
    except (
        BrokenPipeError,
        SystemExit,
    ):  # click and rich make a SystemExit of a closed pipe, of nothing else
        _end_quietly()
    except SaaskpiError as error:
        click.echo(f"Error: {one_line(str(error))}", err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped. Nothing is half done: run the same command again to go on.", err=True)
        sys.exit(130)
    except OSError as error:
        click.echo(f"Error: The system refused: {error.strerror or error}.", err=True)
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


def _end_quietly() -> NoReturn:
    """End as other tools do when nobody reads any more."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):  # what is left in their buffers is written when Python ends
        os.dup2(nowhere, number)
    sys.exit(_READER_GONE)
