"""The one way through: pull, enrich, plan, apply.

Each stage reads what the one before left on disk, so any of them can be killed and run again: a pull
becomes visible whole, a run's tables become current in one transaction, a plan writes nothing, and apply
remembers each batch before the next.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import pandas as pd

from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.writer import HubSpotWriter
from connectors.stripe.client import StripeClient
from connectors.touched import Ref, Touched
from crm_sync.apply import apply
from crm_sync.definitions import PortalMemory, look_ahead
from crm_sync.guards import NOTHING_ALLOWED, Allowed, Limits
from crm_sync.inputs import Only, gather
from crm_sync.matching import match
from crm_sync.model import Plan
from crm_sync.plan import build_plan
from crm_sync.undo import LAST, UndoPlan
from enrichment import money
from enrichment.computing import TABLES, compute
from enrichment.health.assessing import FlagSettings, Remembered
from enrichment.health.config import HealthConfig
from enrichment.health.flags import FlagConfig
from enrichment.health.rules import read_rules
from enrichment.policy import Policy, check_reporting
from saaskpi import ecb, undoing
from saaskpi.balancing import Balance, NotReconciledError, balance
from saaskpi.clients import hubspot_client, stripe_client, tap_config
from saaskpi.declared import plan_settings
from saaskpi.errors import StoreError
from saaskpi.following import follow_all
from saaskpi.home_lock import HomeLock
from saaskpi.imports.home import claim_for_pull, portal_of, refuse_imported
from saaskpi.opening import RATES, opened
from saaskpi.progress import Report, Stages
from saaskpi.pulling import Changes, NeedsFullError, pull_everything
from saaskpi.refreshing import PATIENCE, Refresher
from saaskpi.results import EnrichResult, PullResult, Undone, Written, account_rows, enriched
from saaskpi.settings import Settings
from warehouse.landing import Landing
from warehouse.marts import Marts
from warehouse.snapshots import Snapshots
from warehouse.store import Store

HISTORY_TABLES = ("account_health", "account_health_signals")
"""What is kept of every day that is described."""


class Pipeline:
    """Joins tap, landing, models, store and CRM over one home folder.

    Args:
        settings: checked settings.
        now: the clock (aware, UTC).
        stages: shows a person how far the work is.
        memory: what applies found of the portal lately; pipelines of one process may share it.

    Raises:
        UsageError: a policy setting is wrong.
        StoreError: the home cannot be used as it is.
    """

    def __init__(
        self,
        settings: Settings,
        now: Callable[[], datetime],
        stages: Stages,
        memory: PortalMemory | None = None,
    ) -> None:
        self.settings = settings
        self.memory = memory or PortalMemory()
        self._now = now
        self._stages = stages
        self.policy = Policy.from_settings(settings.policy)
        check_reporting(self.policy, settings.reporting.currency)
        health = {**settings.health}
        thresholds = FlagConfig.from_settings(health.pop("flags", {}))
        self.health = HealthConfig.from_settings(health, settings.fact_sources())
        self.flags = FlagSettings(thresholds, read_rules(settings.flags))
        self.landing = Landing(settings.home / "raw")
        self._lock = HomeLock(settings.home)

    @cached_property
    def store(self) -> Store:
        """The operational store, opened when first needed."""
        return Store.open(self.settings.store_at())

    def close(self) -> None:
        """Close the store; the next use opens it again."""
        self.forget()
        if "store" in self.__dict__:
            self.store.close()
            del self.store

    def forget(self) -> None:
        """Forget what is kept in memory between refreshes; the next one reads it again."""
        if "_refresher" in self.__dict__:
            self._refresher.close()
            del self._refresher

    @cached_property
    def marts(self) -> Marts:
        """The tables of the current run."""
        # Asked through self.store each time: close() drops the store, and the next use opens another.
        return Marts(self.settings.home / "marts", lambda: self.store.current_run())  # noqa: PLW0108

    @cached_property
    def snapshots(self) -> Snapshots:
        """What scores were made of on the days that have been described."""
        return Snapshots(self.settings.home / "history")

    @cached_property
    def hubspot(self) -> HubSpotClient:
        """The HubSpot client; whoever reads or writes this portal in this process shares its limits."""
        return hubspot_client(self.settings)

    @cached_property
    def stripe(self) -> StripeClient:
        """The Stripe client; whoever reads this account in this process shares its limit."""
        return stripe_client(self.settings)

    @cached_property
    def _refresher(self) -> Refresher:
        return Refresher(self, self._now)

    def alone(self, wait: float = 0) -> AbstractContextManager[None]:
        """Keep everybody else out of the home while this one writes; freed however the process ends.

        Within itself it does nothing more.

        Args:
            wait: how many seconds to wait until the others are done.

        Raises:
            StoreError: another one is still at work.
        """
        return self._lock.held(wait)

    def pull(self, *, full: bool = False) -> PullResult:
        """Read Stripe and HubSpot into the landing: what has changed, or everything.

        Nobody has to wait for it: what it brings lands in moments of its own, also while others are at work.

        Everything is read the first time, when asked for, when Stripe no longer tells what has changed, and
        when that is most of it.

        Args:
            full: read everything.

        Raises:
            UsageError: a key is missing.
            AccessError: a key or scope is refused.
            UnavailableError: a host does not answer; what was read before stays.
            StoreError: the home holds the numbers of another Stripe account or portal.
        """
        with self._stages.stage("pull") as report:
            config = tap_config(self.settings)
            refuse_imported(self.store, self.settings.home, "pull")
            claim_for_pull(self.store, self.settings.home, self.stripe.account(), self.hubspot.portal().id)
            result = self._pull_all(config, report) if full else self._pull_changes(config, report)
            if self.settings.reporting.currency and not self.settings.fx.file:
                report(ecb.refresh(self.settings.home / RATES, self._now().date()) or "exchange rates: read")
            rows, aside = result.rows, sum(result.rejected.values())
            how = "everything" if result.full else "what has changed"
            report(f"{sum(rows.values()):,} records of {len(rows)} streams ({how})", **rows, kept_aside=aside)
        return result

    def _pull_changes(self, config: dict[str, Any], report: Report) -> PullResult:
        refused = self.store.push_failures()
        doubted = frozenset(map(Ref, refused["object_type"], refused["object_id"]))
        try:
            return Changes(self.landing, self.stripe, self.hubspot, self._now, report, doubted).pull()
        except NeedsFullError as error:
            report(f"reading everything: {error}")
            return replace(self._pull_all(config, report), why_full=str(error))

    def _pull_all(self, config: dict[str, Any], report: Report) -> PullResult:
        return pull_everything(self.landing, self.stripe, self.hubspot, config, self._now, report)

    def enrich(self) -> EnrichResult:
        """Compute the tables of a new run from the landing and make it current.

        Raises:
            StoreError: nothing has been pulled yet.
        """
        if not self.landing.pull():
            raise StoreError("Nothing has been pulled yet.", hint="Run: saaskpi pull")
        started = self._now()
        as_of = self.settings.instant(started)
        run_id = f"{started:%Y%m%dT%H%M%S%fZ}-{secrets.token_hex(2)}"
        with self._stages.stage("enrich") as report:
            follow_all(self)
            self.store.begin_run(run_id, started, as_of, self.landing.pull())
            try:
                result = self._compute(run_id, as_of)
            except Exception as error:
                self.store.fail_run(run_id, self._now(), type(error).__name__)
                raise
            self._keep(run_id, as_of)
            self.store.finish_run(
                run_id, self._now(), {"accounts": result.accounts}, *self._to_remember(run_id)
            )
            self.marts.sweep()
            self.snapshots.sweep(started.date())
            bands = ", ".join(f"{count} {band}" for band, count in result.bands.items())
            aside = sum(result.rejected.values())
            report(
                f"{result.accounts:,} accounts: {bands}" + (f"; rows kept aside: {aside:,}" if aside else ""),
                accounts=result.accounts,
                kept_aside=aside,
            )
        return result

    def plan(self, only: Only | None = None) -> Plan:
        """Say what apply would write; changes nothing anywhere.

        Args:
            only: what to plan for; None for everything.

        Raises:
            StoreError: there is no run yet.
        """
        refuse_imported(self.store, self.settings.home, "plan")
        with self._stages.stage("plan") as report:
            inputs = gather(self.landing, self.marts, self.store, portal_of(self.store), only)
            plan = build_plan(inputs, plan_settings(self.settings), money, self._now())
            companies, tasks = len(plan.updates), len(plan.tasks)
            report(f"{companies} companies and {tasks} tasks to write", companies=companies, tasks=tasks)
        return plan

    def apply(
        self,
        plan: Plan | None = None,
        *,
        only: Only | None = None,
        allowed: Allowed = NOTHING_ALLOWED,
        beside: Executor | None = None,
    ) -> Written:
        """Write a plan, or what :meth:`plan` would show now.

        Args:
            plan: as it was made or read from its file.
            only: what to plan for when there is no plan; None for everything.
            allowed: what a person lets through the guards.
            beside: writes the tasks while the companies are written; None writes one after the other.

        Raises:
            NeedsPersonError: the plan is blocked or stale, or a guard tripped.
            AccessError: the token is refused; nothing more is tried.
        """
        refuse_imported(self.store, self.settings.home, "apply")
        plan = plan or self.plan(only)
        if only is None:  # many writes are worth a look at the portal as it is now
            self.memory.forget()
        with self._stages.stage("apply") as report:
            if plan.writes_nothing and not plan.blockers and not plan.kept:
                report("nothing to write")
                return Written(plan)
            writer = HubSpotWriter(self.hubspot)
            result = apply(
                plan,
                writer,
                self.store,
                self._now,
                lambda stage, done, total: report(f"{stage}: {done} of {total}"),
                limits=self.limits,
                allowed=allowed,
                memory=self.memory,
                computed_since=self.marts.patched_since(plan.made_from.run_id, plan.made_from.patch),
                beside=beside,
            )
            companies, tasks = result.companies_updated, result.tasks_opened
            report(f"{companies} companies, {tasks} tasks", companies=companies, tasks=tasks)
        return Written(plan, result)

    def look_ahead(self) -> None:
        """Look at the portal as :meth:`apply` would, unless that was done lately.

        Raises:
            AccessError: the token or a scope is refused.
            UnavailableError: HubSpot does not answer.
        """
        look_ahead(HubSpotWriter(self.hubspot), portal_of(self.store), self.memory, self._now())

    def reconcile(self) -> Balance:
        """Compute everything anew and hold the numbers against each other.

        Raises:
            StoreError: nothing has been pulled yet.
            NotReconciledError: two numbers that should be one are not.
        """
        self.enrich()
        with self._stages.stage("reconcile") as report:
            found = balance(self)
            report(
                f"{found.customers:,} customers", customers=found.customers, mismatches=len(found.mismatches)
            )
            if found.mismatches:
                raise NotReconciledError(
                    f"MRR does not reconcile: {found.words}",
                    hint="Look at them with: saaskpi explain; read everything anew with: saaskpi pull --full",
                )
        return found

    def run(self, allowed: Allowed = NOTHING_ALLOWED) -> Written:
        """Pull, enrich, plan and apply; others may use the home while the vendors are read.

        Args:
            allowed: what a person lets through the guards.

        Raises:
            StoreError: another one stays at work in the home.
        """
        self.pull()
        with self.alone(wait=PATIENCE):
            self.enrich()
            return self.apply(allowed=allowed)

    def plan_undo(self, apply_id: str = LAST) -> UndoPlan:
        """Say what undoing an apply would do, from the values that HubSpot has now; writes nothing.

        Args:
            apply_id: as the apply told it, or ``last``.

        Raises:
            UsageError: there is no such apply, or it is itself an undo.
            AccessError: the token is refused.
        """
        with self._stages.stage("undo") as report:
            return undoing.planned(self, apply_id, report)

    def undo(self, apply_id: str = LAST) -> Undone:
        """Put back what an apply wrote, but for what somebody changed since.

        It decides nothing for later: the next apply writes the numbers and opens the tasks again, unless what
        led to them was changed.

        Args:
            apply_id: as the apply told it, or ``last``.

        Raises:
            UsageError: there is no such apply, or it is itself an undo.
            AccessError: the token is refused; nothing more is tried.
            UnavailableError: HubSpot does not answer; begun again, the undo goes on.
        """
        with self._stages.stage("undo") as report:
            return undoing.undone(self, apply_id, self._now, report)

    @property
    def limits(self) -> Limits:
        """How much one apply may do without asking."""
        return Limits(**self.settings.guards.model_dump(exclude={"drift"}))

    def refresh(self, touched: Touched) -> Written:
        """Read anew what may have changed, and bring the accounts concerned up to date in the CRM.

        The same twice writes nothing the second time; broken off at any point and begun again, it ends in
        the same state.

        Raises:
            StoreError: nothing has been pulled or enriched yet, or another one stays at work in the home.
            NeedsPersonError: the plan is blocked.
            AccessError: a key or the token is refused.
            UnavailableError: a host does not answer.
        """
        if self._refresher.is_worn:
            self.forget()
        return self._refresher.refresh(touched, self._stages.stage("refresh"))

    def warm(self) -> None:
        """Take in what the home holds, so that the next :meth:`refresh` is quick.

        Raises:
            StoreError: nothing has been pulled or enriched yet, or another one is at work in the home.
        """
        self._refresher.warm()

    def as_of(self) -> datetime:
        """Return the instant (UTC, aware) that the current run's numbers describe.

        Raises:
            StoreError: there is no run yet.
        """
        run_id = self.store.current_run()
        run = self.store.run(run_id) if run_id else None
        if run is None:
            raise StoreError("There is no finished run yet.", hint="Run: saaskpi pull, then saaskpi enrich")
        as_of: datetime = run["as_of"]
        return as_of

    def accounts(self) -> list[dict[str, Any]]:
        """Return the accounts of the current run, one dict each; money in minor units of ``currency``.

        Sentences are in the language of the settings.

        Raises:
            StoreError: there is no run yet.
        """
        return account_rows(self.marts.read("accounts"), self.settings.language)

    def _compute(self, run_id: str, as_of: datetime) -> EnrichResult:
        """Write the tables of a run into a directory of its own, unread until the pointer moves."""
        directory = self.marts.new_directory(run_id)
        with opened(self.settings, self.landing, as_of, self._now()) as home:
            compute(
                home.engine,
                self.match,
                as_of,
                self.policy,
                self.health,
                self._remembered(),
                home.reporting,
                self.flags,
            )
            home.engine.export(TABLES, directory)
            return enriched(home.engine, directory, as_of, self.settings.language, home.notes)

    def _keep(self, run_id: str, as_of: datetime) -> None:
        """Keep what the scores of the day are made of; the end of a day is the day's own."""
        folder = self.marts.directory(run_id)
        day = (as_of - timedelta(microseconds=1)).date()
        self.snapshots.keep(day, [folder / f"{table}.parquet" for table in HISTORY_TABLES])

    def _remembered(self) -> Remembered:
        store = self.store
        return Remembered(store.flag_episodes(), store.overrides(), store.band_alerts())

    def _to_remember(self, run_id: str) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the episodes and the announced bands that a run left."""
        return self.marts.read("flag_episodes", run_id), self.marts.read("band_alerts", run_id)

    def match(
        self, *, customers: pd.DataFrame, companies: pd.DataFrame, contacts: pd.DataFrame
    ) -> pd.DataFrame:
        """Return the company of each customer; as :func:`enrichment.computing.compute` calls it."""
        return match(customers, companies, contacts, links=self.store.links())
