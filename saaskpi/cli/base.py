"""What every command shares: where the state is, which settings file, how progress is shown."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from saaskpi.progress import Silent, StageReporter, Stages
from saaskpi.settings import Settings, load
from saaskpi.watching.logs import configure

if TYPE_CHECKING:
    from saaskpi.pipeline import Pipeline


@dataclass
class Context:
    """The shared options of one call, given before or after the command's name."""

    home: Path | None = None
    config: Path | None = None
    log_format: str | None = None
    stages: Stages = field(default_factory=lambda: StageReporter(sys.stderr))

    def settings(self, **flags: Any) -> Settings:
        """Read the settings, flags last.

        Raises:
            UsageError: a setting is wrong.
        """
        settings = load(self.config, home=self.home, log_format=self.log_format, **flags)
        self.start_logs(settings)
        return settings

    def start_logs(self, settings: Settings, *, server: bool = False) -> None:
        """Send logs to standard error, as set; in JSON they tell of the stages too, instead of the bars.

        Args:
            settings: say the format, and which values must never be written.
            server: nobody watches, unless standard error is a terminal.
        """
        machines = server and not sys.stderr.isatty()
        style = settings.log_format if settings.log_format != "auto" else "json" if machines else "text"
        configure(style, settings.secrets())
        if style == "json":
            self.stages = Silent()

    def pipeline(self, settings: Settings | None = None) -> Pipeline:
        """Return the pipeline over the settings' home, with the wall clock.

        Raises:
            UsageError: a setting is wrong.
            StoreError: the home cannot be used as it is.
        """
        # Here, because pandas, DuckDB and the SDK take a second to import and --help needs none of them.
        from saaskpi.watching.watched import WatchedPipeline, alerts_of

        settings = settings or self.settings()
        alerts = alerts_of(settings, utc_now, lambda: pipeline.store.engine)
        # Whoever sits at a terminal sees what goes wrong.
        told = None if sys.stderr.isatty() else alerts
        pipeline = WatchedPipeline(settings, utc_now, self.stages, "command", told)
        closing = click.get_current_context().call_on_close
        closing(pipeline.close)
        closing(alerts.close)
        return pipeline


def utc_now() -> datetime:
    """Return the wall clock's time, aware, in UTC."""
    return datetime.now(UTC)


def shared_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--home``, ``--config`` and ``--log-format`` and hand the command a :class:`Context` first.

    The same options stand on the group, so ``saaskpi --home X run`` and ``saaskpi run --home X`` are one.
    """

    @click.option("--home", type=click.Path(path_type=Path), help="Folder of the state (default .saaskpi).")
    @click.option("--config", type=click.Path(path_type=Path), help="Settings file (default saaskpi.toml).")
    @click.option("--log-format", type=click.Choice(["auto", "text", "json"]), help="Of logs (default auto).")
    @click.pass_context
    @functools.wraps(command)
    def wrapped(
        ctx: click.Context,
        /,
        home: Path | None,
        config: Path | None,
        log_format: str | None,
        **options: Any,
    ) -> Any:
        context = ctx.ensure_object(Context)
        context.home = home or context.home
        context.log_format = log_format or context.log_format
        context.config = config or context.config
        return command(context, **options)

    return wrapped
