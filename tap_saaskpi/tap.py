"""The Singer tap: its settings and its list of streams."""

from __future__ import annotations

import logging
import sys
from collections.abc import Collection, Sequence
from functools import cached_property
from typing import Any, ClassVar

import click
from singer_sdk import Stream, Tap
from singer_sdk import typing as th
from singer_sdk.contrib.msgspec import MsgSpecWriter
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.plugin_base import SingerCommand
from typing_extensions import override

from connectors.hubspot.client import API_VERSION, REQUESTS_PER_10_SECONDS, HubSpotClient
from connectors.hubspot.streams import hubspot_streams
from connectors.rate_limiter import shared_limiter
from connectors.stripe.client import REQUESTS_PER_SECOND, StripeClient
from connectors.stripe.streams import stripe_streams
from saaskpi.errors import SaaskpiError, UsageError

SETTINGS = th.PropertiesList(
    th.Property(
        "stripe_api_key",
        th.StringType,
        secret=True,
        title="Stripe API key",
        description="Secret or restricted key that may read. Without it no stripe_ stream is offered.",
    ),
    th.Property(
        "stripe_api_base",
        th.URIType,
        default="https://api.stripe.com",
        title="Stripe address",
        description="Stripe itself, or a proxy or test server in its place.",
    ),
    th.Property(
        "stripe_requests_per_second",
        th.IntegerType(minimum=1),
        default=REQUESTS_PER_SECOND,
        title="Stripe request limit",
        description="Most requests in any second. Stripe allows 25 per endpoint unless it granted more.",
    ),
    th.Property(
        "hubspot_access_token",
        th.StringType,
        secret=True,
        title="HubSpot access token",
        description="Token of a private app or service key. Without it no hubspot_ stream is offered.",
    ),
    th.Property(
        "hubspot_api_base",
        th.URIType,
        default="https://api.hubapi.com",
        title="HubSpot address",
        description="HubSpot itself, or a proxy or test server in its place.",
    ),
    th.Property(
        "hubspot_api_version",
        th.StringType,
        default=API_VERSION,
        title="HubSpot API version",
        description="Date version in HubSpot's paths.",
    ),
    th.Property(
        "hubspot_requests_per_10_seconds",
        th.IntegerType(minimum=1),
        default=REQUESTS_PER_10_SECONDS,
        title="HubSpot request limit",
        description="Most requests in any ten seconds: 100, or 190 from the Professional tier on.",
    ),
    th.Property(
        "kpi_home",
        th.StringType,
        title="Home folder of saaskpi",
        description="Folder that `saaskpi run --home` has filled. Without it no kpi_ stream is offered.",
    ),
    th.Property(
        "kpi_store_url",
        th.StringType,
        secret=True,
        title="Store of saaskpi",
        description="Its store.url, where the store is a PostgreSQL database and no file in kpi_home.",
    ),
    th.Property(
        "start_date",
        th.DateTimeType,
        title="Start date",
        description="Reserved for incremental reading: every run reads everything for now.",
    ),
)
SECRETS = ("stripe_api_key", "hubspot_access_token", "kpi_store_url")
SOURCES = ("stripe_api_key", "hubspot_access_token", "kpi_home")
"""Settings of which at least one must be there."""


class TapSaaskpi(Tap):
    """Reads Stripe, HubSpot and what saaskpi computed from them: MRR, key figures, health and flags."""

    name = "tap-saaskpi"
    package_name = "saaskpi"
    dynamic_catalog = True
    message_writer_class = MsgSpecWriter
    config_jsonschema: ClassVar[dict[str, Any]] = SETTINGS.to_dict()

    def __init__(self, *, only: Collection[str] | None = None, **options: Any) -> None:
        """Make a tap; the class's own docstring is what ``--about`` prints.

        Args:
            only: names of the streams to read, for a caller in this process: the others cost no call and need
                no scope. None offers all and leaves the choice to the catalog.
            options: of every Singer tap.
        """
        self._only = only
        super().__init__(**options)

    @override
    def discover_streams(self) -> Sequence[Stream]:
        """Make the streams of every vendor that has a key, and of the home folder when there is one.

        Raises:
            StoreError: the home folder has no finished run.
        """
        streams: list[Stream] = []
        if self.config.get("stripe_api_key"):
            streams += stripe_streams(self, self.stripe)
        if self.config.get("hubspot_access_token"):
            streams += hubspot_streams(self, self.hubspot, self._only)
        if self.config.get("kpi_home"):
            from tap_saaskpi.kpi_streams import kpi_streams  # slow to import, and few configs need it

            streams += kpi_streams(self, self.config["kpi_home"], self.config.get("kpi_store_url"))
        if self._only is not None:
            for stream in streams:
                stream.selected = stream.name in self._only
        return streams

    @cached_property
    def stripe(self) -> StripeClient:
        """Client shared by all Stripe streams, and its rate limit with it."""
        key, base = self.config["stripe_api_key"], self.config["stripe_api_base"]
        limiter = shared_limiter(base, key, self.config["stripe_requests_per_second"], 1.0)
        return StripeClient(key, base, limiter=limiter)

    @cached_property
    def hubspot(self) -> HubSpotClient:
        """Client shared by all HubSpot streams, and its rate limit with it."""
        token, base = self.config["hubspot_access_token"], self.config["hubspot_api_base"]
        limiter = shared_limiter(base, token, self.config["hubspot_requests_per_10_seconds"], 10.0)
        return HubSpotClient(token, base, self.config["hubspot_api_version"], limiter=limiter)

    @override
    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """Validate; no error shows the value of a secret, and there must be something to read."""
        try:
            errors = super()._validate_config(raise_errors=raise_errors)
        except ConfigValidationError as error:
            raise ConfigValidationError(
                error.args[0], errors=[self._masked(line) for line in error.errors], schema=error.schema
            ) from None
        if raise_errors and not any(self._config.get(source) for source in SOURCES):
            message = (
                "Neither stripe_api_key, hubspot_access_token nor kpi_home is set: there is nothing to read."
            )
            raise ConfigValidationError(message, errors=[message], schema=self.config_jsonschema)
        return errors

    def _masked(self, line: str) -> str:
        for secret in SECRETS:
            if self._config.get(secret):
                line = line.replace(repr(self._config[secret]), "***")
        return line

    @override
    @classmethod
    def cb_config(cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]) -> Any:
        """Read the config files.

        Raises:
            UsageError: one of them holds no JSON object.
        """
        try:
            return super().cb_config(ctx, param, value)
        except (ValueError, TypeError) as error:
            raise UsageError(f"--config {' '.join(value)}: no JSON object ({error}).") from error

    @override
    @classmethod
    def get_singer_command(cls) -> click.Command:
        """Give the SDK's command, with failures told in one line."""
        command = super().get_singer_command()
        return OneLineCommand(
            name=command.name,
            callback=command.callback,
            context_settings=command.context_settings,
            params=command.params,
            help=cls.__doc__,
            logger=cls.logger,
        )


class OneLineCommand(SingerCommand):
    """Tells a foreseen failure in one line on standard error, with exit code 1 and no traceback."""

    @override
    def invoke(self, ctx: click.Context) -> Any:
        logging.captureWarnings(capture=True)
        # Past the SDK's own, which would tell a broken config in two lines of log.
        return click.Command.invoke(self, ctx)

    @override
    def main(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().main(*args, **kwargs)
        except SaaskpiError as error:
            _fail(str(error))
        except ConfigValidationError as error:
            _fail(" ".join(error.errors))
        except FileNotFoundError as error:
            _fail(str(error))


def _fail(message: str) -> None:
    click.echo(f"tap-saaskpi: {message}", err=True)
    sys.exit(1)
