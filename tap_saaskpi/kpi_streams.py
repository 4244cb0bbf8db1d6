"""The streams of the computed tables: what ``saaskpi enrich`` left in a home folder, for any target.

Every run computes every month anew, as a late invoice or another policy may change any of them. So each
stream is read whole, and a row is known again by its key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

from singer_sdk import Tap
from typing_extensions import override

from connectors.http import JsonRows
from connectors.streams import ApiStream
from enrichment import tables
from enrichment.kpis.catalogue import KPI_KEYS, KPI_MONTH
from enrichment.kpis.funnel import FUNNEL
from enrichment.kpis.kpi import Grain
from tap_saaskpi.kpi_home import KpiHome
from tap_saaskpi.kpi_schema import json_schema


class KpiStream(ApiStream[KpiHome]):
    """A table of the current run.

    Attributes:
        table: its name in the home folder.
        columns: name to portable SQL type.
        grain: set where the columns are key figures of the catalogue.
    """

    replicated_by = "run_id"
    table: ClassVar[str]
    columns: ClassVar[Mapping[str, str]]
    grain: ClassVar[Grain | None] = None

    @override
    def make_schema(self) -> dict[str, Any]:
        """Make the schema from the declared columns."""
        return json_schema(self.columns, self.keys, self.grain)

    @override
    def pages(self) -> Iterator[JsonRows]:
        """Read the table in batches."""
        return self.client.rows(self.table, self.columns, self.keys)


class Accounts(KpiStream):
    """Accounts as they stand: MRR, plan, health, flags and the Stripe customers behind them."""

    name = "kpi_accounts"
    table = "accounts"
    columns = tables.ACCOUNTS
    keys = ("account_id",)
    grain = "account"


class AccountMatches(KpiStream):
    """The HubSpot company of every Stripe customer, and the rule that found it."""

    name = "kpi_account_match"
    table = "account_match"
    columns = tables.ACCOUNT_MATCH
    keys = ("customer_id",)


class AccountSegments(KpiStream):
    """Every account's value of every declared segment."""

    name = "kpi_account_segments"
    table = "account_segments"
    columns = tables.ACCOUNT_SEGMENTS
    keys = ("account_id", "segment")


class AccountMonths(KpiStream):
    """MRR of each account and month: at the start, every movement, at the end."""

    name = "kpi_account_month"
    table = "account_month"
    columns = tables.ACCOUNT_MONTH
    keys = ("account_id", "month", "currency", "valuation")
    grain = "account_month"


class MrrMovements(KpiStream):
    """New, expansion, contraction, churn, reactivation and FX of each account (or subscription) and month."""

    name = "kpi_mrr_movements"
    table = "mrr_movements"
    columns = tables.MRR_MOVEMENTS
    keys = ("account_id", "subscription_id", "subscription_item_id", "month", "currency", "valuation", "kind")


class KpiMonths(KpiStream):
    """Every key figure of each month, for the company and for each segment's values."""

    name = "kpi_month"
    table = "kpi_month"
    columns = KPI_MONTH
    keys = tuple(KPI_KEYS)
    grain = "segment_month"


class MrrLedger(KpiStream):
    """Every change of a subscription item's MRR, with the Stripe object that proves it."""

    name = "kpi_mrr_ledger"
    table = "mrr_ledger"
    columns = tables.MRR_LEDGER
    keys = ("subscription_item_id", "effective_at", "reason", "source_object")


class MrrDifferences(KpiStream):
    """Where two pieces of evidence disagree on an item's MRR, and which one stands."""

    name = "kpi_mrr_differences"
    table = "mrr_differences"
    columns = tables.MRR_DIFFERENCES
    keys = ("subscription_item_id", "effective_at", "reason", "source_object")


class CohortRetention(KpiStream):
    """Customers and MRR left of each month's new accounts, k months later."""

    name = "kpi_cohort_retention"
    table = "cohort_retention"
    columns = tables.COHORT_RETENTION
    keys = ("cohort", "k", "currency", "valuation")


class MrrBridge(KpiStream):
    """From the MRR at each month's start to that at its end, step by step, signed."""

    name = "kpi_mrr_bridge"
    table = "mrr_bridge"
    columns = tables.MRR_BRIDGE
    keys = ("month", "currency", "valuation", "step")


class SubscriptionItems(KpiStream):
    """Subscription items as they stand: MRR, why it is left out if it is, and how it came about."""

    name = "kpi_subscription_items"
    table = "subscription_items"
    columns = tables.SUBSCRIPTION_ITEMS
    keys = ("item_id",)


class Funnel(KpiStream):
    """How many stand at each step from contact to referral."""

    name = "kpi_funnel"
    table = "funnel"
    columns = FUNNEL
    keys = ("step",)


class AccountHealth(KpiStream):
    """Each account's health score, its band, what held it back, and what a person decided about it."""

    name = "kpi_account_health"
    table = "account_health"
    columns = tables.ACCOUNT_HEALTH
    keys = ("account_id",)


class HealthSignals(KpiStream):
    """What each signal gave or cost an account's health score, and why."""

    name = "kpi_account_health_signals"
    table = "account_health_signals"
    columns = tables.HEALTH_SIGNALS
    keys = ("account_id", "component", "signal")


class AccountFlags(KpiStream):
    """Risks and opportunities that are open now, with their evidence."""

    name = "kpi_account_flags"
    table = "account_flags"
    columns = tables.ACCOUNT_FLAGS
    keys = ("account_id", "flag")


class FlagEpisodes(KpiStream):
    """When each flag was raised and closed, past ones too."""

    name = "kpi_flag_episodes"
    table = "flag_episodes"
    columns = tables.FLAG_EPISODES
    keys = ("account_id", "flag", "episode")


STREAMS: Final[tuple[type[KpiStream], ...]] = (
    Accounts,
    AccountMatches,
    AccountSegments,
    AccountMonths,
    MrrMovements,
    KpiMonths,
    MrrLedger,
    MrrDifferences,
    CohortRetention,
    MrrBridge,
    SubscriptionItems,
    Funnel,
    AccountHealth,
    HealthSignals,
    AccountFlags,
    FlagEpisodes,
)


def kpi_streams(tap: Tap, home: str, store_url: str | None = None) -> list[KpiStream]:
    """Make all streams over the current run of a home folder.

    Args:
        tap: whose streams they are.
        home: the folder.
        store_url: where its store is, unless it is the file in the folder.

    Raises:
        StoreError: there is none, or the store cannot be read.
    """
    client = KpiHome.open(Path(home).expanduser(), store_url)
    return [stream(tap, client) for stream in STREAMS]
