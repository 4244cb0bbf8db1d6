"""Settings: defaults < ``saaskpi.toml`` < environment < flags, checked once, at the start.

``SAASKPI_STRIPE__API_BASE`` sets ``stripe.api_base``; ``STRIPE_API_KEY`` and ``HUBSPOT_ACCESS_TOKEN`` are the
short names of the two keys. Secrets come from the environment or the file only, never from a flag, and are
held as ``SecretStr`` so that no repr, log or error shows them.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from enrichment.facts.sources import FactSources
from saaskpi.errors import UsageError
from saaskpi.slips import NESTED, PREFIX, meant, refuse_unknown_sections
from warehouse.files import STORE_FILE

CONFIG_NAME = "saaskpi.toml"
DEFAULT_HOME = Path(".saaskpi")
EARLIEST_DAY = date(2010, 1, 1)
"""There was no Stripe before."""
_SHORT_NAMES = {"STRIPE_API_KEY": ("stripe", "api_key"), "HUBSPOT_ACCESS_TOKEN": ("hubspot", "access_token")}


class _Section(BaseModel):
    """A table of the settings file; unknown keys are errors, so that a typing slip is seen."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class _ApiSection(_Section):
    """A table that names an API host."""

    api_base: str

    @field_validator("api_base")
    @classmethod
    def _is_url(cls, value: str) -> str:
        if not value.startswith(("https://", "http://")):
            raise ValueError("must begin with https:// (or http:// for a local server)")
        return value.rstrip("/")


class StripeSettings(_ApiSection):
    """Where Stripe is, the key to read it with, and the secret that its webhooks are signed with.

    While a secret is being changed ``webhook_secret`` may hold the old and the new one, with a comma between.
    """

    api_base: str = "https://api.stripe.com"
    api_key: SecretStr | None = None
    requests_per_second: int = Field(default=25, ge=1)
    webhook_secret: SecretStr | None = None


class HubSpotSettings(_ApiSection):
    """Where HubSpot is, the token, the secret of its webhooks, and the date version of its paths.

    Attributes:
        requests_per_10_seconds: the portal's burst limit per app.
        requests_per_day: the portal's daily allowance.
        share: how much of both may be used; the rest is for the customer's other integrations.
        client_secret: of the app that sends the webhooks; two with a comma between during a change.
    """

    api_base: str = "https://api.hubapi.com"
    access_token: SecretStr | None = None
    requests_per_10_seconds: int = Field(default=100, ge=1)
    requests_per_day: int = Field(default=250_000, ge=1)
    share: float = Field(default=0.9, gt=0, le=1)
    client_secret: SecretStr | None = None
    api_version: str = Field(default="2026-03", pattern=r"^\d{4}-\d{2}$")

    @property
    def our_requests_per_10_seconds(self) -> int:
        """Our share of the burst limit."""
        return max(1, int(self.requests_per_10_seconds * self.share))


class StoreSettings(_Section):
    """Where the operational store is: an SQLAlchemy URL, or none for a file in the home folder."""

    url: SecretStr | None = None


class TaskSettings(_Section):
    """Which flags become tasks, in which words, for whom, and what happens when the flag goes down.

    Attributes:
        fallback_owner_id: gets the tasks of companies whose owner has left or is missing.
        link: address of a page per account, such as ``https://bi.example/accounts/{account_id}``; stands for
            ``{link}`` in texts, and in the property ``saaskpi_link``.
        rules: each changes the rule of one flag or adds one; see docs/tasks.md.
        when_over: what becomes of an open task whose flag is down: it is completed, gets a line that says so,
            or stays as it is.
        cooldown_days: after a task was completed, no other is opened for the same account and flag that long.
    """

    fallback_owner_id: str | None = None
    link: str | None = None
    rules: list[dict[str, Any]] = Field(default_factory=list)
    when_over: Literal["complete", "comment", "leave"] = "complete"
    cooldown_days: int = Field(default=14, ge=0)

    @field_validator("link")
    @classmethod
    def _is_pattern(cls, value: str | None) -> str | None:
        named = value is not None and re.findall(r"[{}][^{}]*[{}]?", value) == ["{account_id}"]
        if value is not None and not (named and re.fullmatch(r"https?://\S+", value)):
            raise ValueError("must be an address with {account_id} in it, once, and no other brace")
        return value


class GuardSettings(_Section):
    """How much one run may do to the CRM before it stops and asks a person.

    Attributes:
        max_changed_share: of the companies that carry our values, how many may change status, MRR or band.
        max_cleared_share: of them, how many may lose their values.
        max_tasks_per_owner, max_tasks: how many tasks one run may open, for one owner and in all.
        drift: whether a value of ours that a person edited in HubSpot is overwritten or kept.
    """

    max_changed_share: float = Field(default=0.5, gt=0, le=1)
    max_cleared_share: float = Field(default=0.2, gt=0, le=1)
    max_tasks_per_owner: int = Field(default=50, ge=1)
    max_tasks: int = Field(default=500, ge=1)
    drift: Literal["overwrite", "keep"] = "overwrite"


class ServerSettings(_Section):
    """How ``saaskpi serve`` listens and how long it keeps what came in.

    Attributes:
        host, port: where it listens; a proxy with TLS stands in front of it.
        public_url: how the world reaches it, needed for HubSpot's signatures.
        threads: requests served at once.
        debounce_seconds: how long further events of an account are waited for.
        payload_days: how long the bodies of processed events are kept; then only their ids are.
        requests_per_minute: of one API token.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    public_url: str | None = Field(default=None, pattern=r"^https?://[^\s]+$")
    threads: int = Field(default=16, ge=1, le=256)
    debounce_seconds: float = Field(default=0.05, ge=0, le=60)
    payload_days: int = Field(default=7, ge=0)
    requests_per_minute: int = Field(default=120, ge=1)


class ScheduleSettings(_Section):
    """When each job runs: five cron fields in UTC, or an empty text for never."""

    pull: str = "*/15 * * * *"
    full_refresh: str = "10 1 * * *"
    enrich_and_apply: str = "5 * * * *"
    reconcile: str = "10 3 * * *"
    compact: str = "40 3 * * *"
    backup: str = "10 4 * * *"


class AlertSettings(_Section):
    """Who hears of a failed run, a tripped guard, bad signatures, or MRR that does not reconcile.

    Attributes:
        webhook_url: gets a JSON body with ``text``, as chat tools take it.
        email_to: gets an e-mail by way of ``smtp_host``.
    """

    webhook_url: SecretStr | None = None
    email_to: list[str] = Field(default_factory=list)
    email_from: str = "saaskpi@localhost"
    smtp_host: str = "localhost"
    smtp_port: int = Field(default=25, ge=1, le=65535)
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    smtp_tls: bool = False


class ReportingSettings(_Section):
    """In which currency everything is summed up (none: each by itself), and the gross margin in per cent."""

    currency: str | None = Field(default=None, pattern=r"^[A-Za-z]{3}$")
    gross_margin: float = Field(default=100, gt=0, le=100)


class FileSettings(_Section):
    """Where a table of exchange rates or of spend is."""

    file: Path | None = None


class UsageSourceSettings(_Section):
    """A file of usage events, and which of its columns says what.

    Attributes:
        file: CSV, JSON lines, or messages of a Singer tap (.jsonl).
        stream: of a Singer file, the stream to take; None for every one.
        key: what the account column holds: ``stripe_customer_id``, ``company_id``, ``account_id``,
            ``domain``, ``stripe.metadata.KEY`` or ``hubspot.PROPERTY``.
        account, user, event, at, quantity, known_at: names of the columns. Without a user column nobody is
            counted, without a quantity each row is one, without known_at an event is known when it happened.
    """

    file: Path
    stream: str | None = None
    key: str = "stripe_customer_id"
    account: str = "account"
    user: str | None = "user"
    event: str = "event"
    at: str = "at"
    quantity: str | None = "quantity"
    known_at: str | None = None


class UsageSettings(_Section):
    """Where usage comes from, beside Stripe's billing meters, and what of it counts.

    Attributes:
        sources: files of events.
        posted_key: what the account is in usage that is posted to the server; as the ``key`` of a file.
        core_events: the events (or meters' event names) that count as real use; empty means all.
        limits: plan (product name) to the most core events that it allows in 28 days.
        seat_products: products (ids or names) that are sold by the seat; empty: those whose unit label in
            Stripe means people, and where an account's products have no unit label, whatever it buys several
            units of.
        events_property: HubSpot company property with the core events of the last 28 days.
        last_active_property: HubSpot company property with the time of the last use.
    """

    sources: list[UsageSourceSettings] = Field(default_factory=list)
    posted_key: str = "stripe_customer_id"
    core_events: list[str] = Field(default_factory=list)
    limits: dict[str, float] = Field(default_factory=dict)
    seat_products: list[str] = Field(default_factory=list)
    events_property: str | None = None
    last_active_property: str | None = None


class CrmSettings(_Section):
    """Which of the portal's own properties say something of satisfaction and of budgets.

    Attributes:
        nps_property, csat_property: of contacts, beside feedback submissions.
        budget_property: of companies, set when there is a budget for more.
        expansion_pipelines: ids or labels of the deal pipelines that hold expansion deals.
    """

    nps_property: str | None = None
    csat_property: str | None = None
    budget_property: str | None = None
    expansion_pipelines: list[str] = Field(default_factory=list)


class EngineSettings(_Section):
    """How much memory and how many threads the SQL engine may use."""

    memory_limit: str = Field(default="800MB", pattern=r"^\d+(\.\d+)?\s*(MB|GB|MiB|GiB)$")
    threads: int = Field(default=2, ge=1, le=256)


class Settings(BaseSettings):
    """Everything a command needs to know; see ``saaskpi.toml`` in the README.

    Attributes:
        home: folder of the state (raw landing, marts, store).
        as_of: the day whose end the numbers describe (UTC); None means now.
        language: of sentences and tasks written into the CRM.
        log_format: of logs on standard error; auto: JSON lines from a server without a terminal, else text.
        policy: overrides of single MRR policy keys, for instance ``{"status.unpaid": "include"}``.
        fx: exchange rates, CSV or JSON lines (.jsonl); without it the ECB's.
        spend: spend on sales and marketing, CSV or JSON lines (.jsonl).
        segments: by what accounts are told apart, for instance ``{"country": "stripe.metadata.country"}``.
        usage: usage events and which of them count.
        crm: the portal's own properties that the health score reads.
        health: overrides of the health score's thresholds, for instance ``{"green_from": 75}``.
        flags: flags of one's own, each a condition over documented columns; see docs/health.md.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter=NESTED, extra="forbid", hide_input_in_errors=True
    )

    home: Path = DEFAULT_HOME
    as_of: date | None = None
    language: Literal["en", "fr"] = "en"
    log_format: Literal["auto", "text", "json"] = "auto"
    stripe: StripeSettings = Field(default_factory=StripeSettings)
    hubspot: HubSpotSettings = Field(default_factory=HubSpotSettings)
    store: StoreSettings = Field(default_factory=StoreSettings)
    tasks: TaskSettings = Field(default_factory=TaskSettings)
    guards: GuardSettings = Field(default_factory=GuardSettings)
    server: ServerSettings = Field(default_factory=ServerSettings)
    schedule: ScheduleSettings = Field(default_factory=ScheduleSettings)
    alerts: AlertSettings = Field(default_factory=AlertSettings)
    engine: EngineSettings = Field(default_factory=EngineSettings)
    reporting: ReportingSettings = Field(default_factory=ReportingSettings)
    fx: FileSettings = Field(default_factory=FileSettings)
    spend: FileSettings = Field(default_factory=FileSettings)
    segments: dict[str, str] = Field(default_factory=dict)
    policy: dict[str, Any] = Field(default_factory=dict)
    usage: UsageSettings = Field(default_factory=UsageSettings)
    crm: CrmSettings = Field(default_factory=CrmSettings)
    health: dict[str, Any] = Field(default_factory=dict)
    flags: list[dict[str, Any]] = Field(default_factory=list)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over what :func:`load` passes in from the file."""
        return (env_settings, init_settings)

    def stripe_key(self) -> str:
        """Return the Stripe key.

        Raises:
            UsageError: none is set.
        """
        return _secret(self.stripe.api_key, "Stripe API key", "STRIPE_API_KEY")

    def hubspot_token(self) -> str:
        """Return the HubSpot access token.

        Raises:
            UsageError: none is set.
        """
        return _secret(self.hubspot.access_token, "HubSpot access token", "HUBSPOT_ACCESS_TOKEN")

    def secrets(self) -> list[str]:
        """Return every secret that is set, for masking; the password of the store's URL by itself too."""
        found = list(_secrets(self))
        passwords = [unquote(urlsplit(value).password or "") for value in found if "://" in value]
        return [value for value in (*found, *passwords) if value]

    def store_at(self) -> str | Path:
        """Return where the operational store is: its URL, or the path of an SQLite file."""
        url = self.store.url
        return url.get_secret_value() if url else self.home / STORE_FILE

    def has_store(self) -> bool:
        """Tell whether there is an operational store: one by URL is taken to be, a file comes with a run."""
        return self.store.url is not None or (self.home / STORE_FILE).exists()

    def fact_sources(self) -> FactSources:
        """Return what the health score's facts are read from."""
        usage, crm = self.usage, self.crm
        return FactSources(
            core_events=tuple(usage.core_events),
            limits=dict(usage.limits),
            seat_products=tuple(usage.seat_products),
            events_property=usage.events_property,
            last_active_property=usage.last_active_property,
            nps_property=crm.nps_property,
            csat_property=crm.csat_property,
            budget_property=crm.budget_property,
            expansion_pipelines=tuple(crm.expansion_pipelines),
        )

    def instant(self, now: datetime) -> datetime:
        """Return the instant (UTC) that the numbers describe: the end of ``as_of``, never later than now.

        Args:
            now: the clock's time, aware.
        """
        if self.as_of is None or self.as_of >= now.astimezone(UTC).date():
            return now
        return datetime.combine(self.as_of + timedelta(days=1), time(), tzinfo=UTC)


def load(config: Path | None = None, **flags: Any) -> Settings:
    """Read the settings for one command.

    Args:
        config: the settings file; None looks for ``saaskpi.toml`` in the current folder.
        flags: values given on the command line (None when not given); they win over everything.

    Raises:
        UsageError: the file is missing, is not TOML, or a name or a value is wrong.
    """
    refuse_unknown_sections(os.environ, Settings)
    values = _read_file(config)
    for variable, (section, key) in _SHORT_NAMES.items():
        if os.environ.get(variable) and isinstance(values.setdefault(section, {}), dict):
            values[section][key] = os.environ[variable]
    try:
        settings = Settings(**values)
    except ValidationError as error:
        raise _first_problem(error) from None
    except SettingsError as error:
        # It quotes no value, and names the section alone.
        section = str(error).partition('"')[2].partition('"')[0]
        names = sorted(name for name in os.environ if name.upper().startswith(f"SAASKPI_{section.upper()}"))
        raise UsageError(
            f"A list or table in the environment is no JSON; look at {', '.join(names)}.",
            hint='Lists are written ["one", "two"], tables {"key": "value"}.',
        ) from None
    settings = settings.model_copy(update={name: value for name, value in flags.items() if value is not None})
    if settings.as_of is not None and settings.as_of < EARLIEST_DAY:
        raise UsageError(
            f"No numbers can be as of {settings.as_of}.", hint=f"Give a day from {EARLIEST_DAY} on."
        )
    return settings


def _read_file(config: Path | None) -> dict[str, Any]:
    path = config or Path(CONFIG_NAME)
    if not path.exists():
        if config is None:
            return {}
        raise UsageError(f"The settings file {path} does not exist.", hint="Run: saaskpi init")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        # The parser's message names line and column but never quotes the value, so no secret can leak.
        raise UsageError(
            f"{path} is not valid TOML: {error}.", hint="Mend that line, or run: saaskpi init"
        ) from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from None


def _secrets(section: BaseModel) -> Iterator[str]:
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            yield from _secrets(value)
        elif isinstance(value, SecretStr):
            yield value.get_secret_value()


def _first_problem(error: ValidationError) -> UsageError:
    problem = error.errors(include_input=False, include_url=False)[0]
    name, hint = ".".join(str(part) for part in problem["loc"]), "Mend it in saaskpi.toml or the environment."
    if problem["type"] == "extra_forbidden":
        return UsageError(f"The setting {name} is not known.", hint=meant(name, Settings) + hint)
    return UsageError(
        f"The setting {name} is wrong: {problem['msg'].removeprefix('Value error, ')}.", hint=hint
    )


def _secret(value: SecretStr | None, label: str, variable: str) -> str:
    if value is None or not value.get_secret_value().strip():
        raise UsageError(
            f"No {label} is set.",
            hint=f"Set {variable}, run: saaskpi init, or try without keys: saaskpi demo",
        )
    return value.get_secret_value().strip()
