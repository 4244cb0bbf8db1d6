"""From the landing's tables to accounts, scores and flags: the order in which the parts run."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pandas as pd

from enrichment import tables
from enrichment.accounts import account_rows
from enrichment.discounts import DiscountBook
from enrichment.engine import EngineProtocol
from enrichment.exchange import FX_RATES
from enrichment.facts.crm import CRM_FIRSTS
from enrichment.facts.crm import STREAMS as CRM_STREAMS
from enrichment.facts.describing import describe, prepare
from enrichment.facts.usage_findings import usage_findings
from enrichment.fx import value_ledger
from enrichment.health.assessing import HEALTH_TABLES, Assessed, FlagSettings, Remembered, assess
from enrichment.health.config import HealthConfig
from enrichment.items import ItemRater, item_rows, rated_frame
from enrichment.kpis.building import build_kpis
from enrichment.kpis.month import account_cltv, worth_of
from enrichment.ledger.building import build_ledger
from enrichment.marts import build_marts, build_months
from enrichment.money import CURRENCIES
from enrichment.policy import Policy
from enrichment.population import POPULATION_TABLES, Population, leave_population
from enrichment.prices import Price, price_or_error
from enrichment.reporting import Reporting
from enrichment.sources import SOURCES, odd_dates_sql, take_newest
from enrichment.sql import ACCOUNTS, RATING, STAGING, run_models
from enrichment.tables import leave
from saaskpi.errors import DataError

NOTHING_DECLARED: Final = Reporting()
NOTHING_REMEMBERED: Final = Remembered()
DEFAULT_FLAGS: Final = FlagSettings()
Match = Callable[..., pd.DataFrame]
TABLES: Final = (
    "accounts",
    "subscription_items",
    "mrr_ledger",
    "mrr_differences",
    "months",
    "account_month",
    "mrr_movements",
    "account_segments",
    "kpi_month",
    "cohort_retention",
    "mrr_bridge",
    "funnel",
    "marketing_spend",
    "fx_conversions",
    "account_match",
    *HEALTH_TABLES,
    "usage_findings",
    "rejected_rows",
    *POPULATION_TABLES,
)
"""The tables that :func:`compute` leaves in the engine, for the pipeline to export."""
OF_ACCOUNTS: Final = {
    **dict.fromkeys(("account_match", "mrr_differences"), "customer_id"),
    **dict.fromkeys(
        (
            "accounts",
            "account_facts",
            "account_flags",
            "account_health",
            "account_health_signals",
            "account_month",
            "account_segments",
            "band_alerts",
            "flag_episodes",
            "mrr_ledger",
            "mrr_movements",
            "subscription_items",
            "usage_holders",
        ),
        "account_id",
    ),
}
"""The tables whose rows each belong to one account, with the column that names it or its customer.

They are all that a computation of some accounts leaves; the others tell of the whole.
"""


def compute(
    engine: EngineProtocol,
    match: Match,
    as_of: datetime,
    policy: Policy,
    config: HealthConfig,
    remembered: Remembered = NOTHING_REMEMBERED,
    reporting: Reporting = NOTHING_DECLARED,
    flags: FlagSettings = DEFAULT_FLAGS,
    population: Population | None = None,
) -> None:
    """Compute every table of ``TABLES`` in ``engine`` from the landing tables registered there.

    With a population the engine holds the rows of some accounts alone, and only the tables of ``OF_ACCOUNTS``
    are left, with the rows that a computation of all would have for them. Accounts that are in the engine
    only because others depend on them (a contact or an account key that they share) come out wrong: leave
    them aside.

    Args:
        engine: holds one table per landed stream, named as the stream; missing ones count as empty.
        match: called with the keywords ``customers`` (customer_id, name, email, metadata; of those that
            Stripe deleted the id), ``companies`` (company_id, name, domain, properties) and ``contacts``
            (contact_id, email, company_id, properties); returns ``customer_id, company_id (nullable), rule,
            candidates (list)``, one row per customer.
        as_of: the instant that the numbers describe, aware.
        policy: the MRR policy.
        config: of the health score.
        remembered: what earlier runs and people left.
        reporting: currency, margin, segments, rates and spend.
        flags: thresholds and the user's own rules.
        population: what is to be known of all accounts, when only some are in the engine.

    Raises:
        UsageError: the configuration names a signal, a segment's source or a currency that does not exist.
    """
    is_whole = population is None
    compute_ledger(engine, match, as_of, policy, config, reporting, population)
    run_models(engine, ACCOUNTS)
    build_marts(engine, policy, as_of, reporting.segments, whole=is_whole)
    prepare(engine, config.sources)
    if population is None:
        build_kpis(engine, policy, spend=reporting.spend, gross_margin=reporting.gross_margin)
        leave_population(engine)
        _keep_aside(engine, reporting)
    else:
        _know_firsts(engine, population)
    facts = describe(engine)
    assessed = assess(
        engine, facts, as_of, config, flags, remembered, others=population.facts if population else None
    )
    _leave_accounts(engine, facts, assessed, _cltv(engine, facts, policy, reporting, population), policy)
    if is_whole:
        findings = pd.DataFrame(usage_findings(engine, config.sources), columns=list(tables.USAGE_FINDINGS))
        leave(engine, "usage_findings", findings, tables.USAGE_FINDINGS)


def _leave_accounts(
    engine: EngineProtocol, facts: pd.DataFrame, assessed: Assessed, cltv: pd.Series[int], policy: Policy
) -> None:
    """Leave ``accounts``: what is known of each, its money, worth, score and flags in one row."""
    money = engine.frame("SELECT account_id, currency, mrr FROM account_money WHERE mrr > 0")
    rows = account_rows(facts, money, cltv, assessed.accounts, assessed.flags, policy.hash)
    leave(engine, "accounts", rows, tables.ACCOUNTS)


def _cltv(
    engine: EngineProtocol,
    facts: pd.DataFrame,
    policy: Policy,
    reporting: Reporting,
    population: Population | None,
) -> pd.Series[int]:
    """Return what each account is worth, from the churn of its currency."""
    if population is not None:
        return worth_of(facts, population.today(policy, reporting.gross_margin), policy)
    base, lifetimes = engine.frame("cltv_base"), engine.frame("cltv_lifetimes")
    return account_cltv(facts, base, policy, gross_margin=reporting.gross_margin, lifetimes=lifetimes)


def _know_firsts(engine: EngineProtocol, population: Population) -> None:
    """Lay what is known of all accounts over ``crm_firsts``: the earlier of the two counts."""
    known = pd.concat([population.firsts, engine.frame("crm_firsts")])[list(CRM_FIRSTS)]
    leave(engine, "crm_firsts", known.agg("min").to_frame().T, CRM_FIRSTS)


def compute_ledger(
    engine: EngineProtocol,
    match: Match,
    as_of: datetime,
    policy: Policy,
    config: HealthConfig,
    reporting: Reporting = NOTHING_DECLARED,
    population: Population | None = None,
) -> None:
    """Compute only the ledger: leaves ``mrr_ledger``, ``subscription_lives`` and ``mrr_differences``.

    The arguments are those of :func:`compute`.
    """
    _stage(engine, as_of, policy, config)
    prices, book = read_books(engine)
    rate(engine, ItemRater(prices, book, policy, as_of))
    _match(engine, match)
    build_ledger(
        engine,
        prices,
        book,
        policy,
        as_of,
        reporting.currency,
        is_large=population is None,
        known_attempts=population.attempts if population else None,
    )
    leave(engine, "fx_rates", reporting.rates, FX_RATES)
    build_months(engine, policy, as_of)
    value_ledger(engine, policy, reporting.currency)


def _keep_aside(engine: EngineProtocol, reporting: Reporting) -> None:
    """Add what the valuation, the facts and the declarations could not use to ``rejected_rows``."""
    declared = pd.DataFrame(list(reporting.rejected), columns=list(tables.REJECTED_ROWS))
    found = ("rejected_rows", "fx_rejected", "crm_rejected", "usage_rejected")
    rows = pd.concat([*(engine.frame(name) for name in found), declared])
    leave(engine, "rejected_rows", rows, tables.REJECTED_ROWS)


def rate_items(engine: EngineProtocol, as_of: datetime, policy: Policy, config: HealthConfig) -> None:
    """Compute only the MRR of each subscription item: leaves ``item_rates`` and ``rejected_rows``.

    Args:
        engine: as in :func:`compute`.
        as_of: the instant, aware.
        policy: the MRR policy.
        config: says how far back payments are judged.
    """
    _stage(engine, as_of, policy, config)
    rate(engine, ItemRater(*read_books(engine), policy, as_of))


def _stage(engine: EngineProtocol, as_of: datetime, policy: Policy, config: HealthConfig) -> None:
    """Take the newest row of each record and rename its columns; set the clock that the models read."""
    take_newest(engine, (stream for stream in SOURCES if stream not in CRM_STREAMS))
    engine.run("odd_dates", odd_dates_sql())
    engine.fill("known_currencies", {"currency": "VARCHAR"}, [(code,) for code in CURRENCIES])
    set_clock(engine, as_of, policy, config)
    run_models(engine, STAGING)


def set_clock(engine: EngineProtocol, as_of: datetime, policy: Policy, config: HealthConfig) -> None:
    """Leave ``run_clock``: the instant that the models describe, and how far back they look.

    Args:
        engine: where it goes.
        as_of: the instant, aware.
        policy: under which MRR is computed.
        config: has the windows, in days.
    """
    now = as_of.astimezone(UTC).replace(tzinfo=None)
    windows = ("late_days", "usage_days", "touch_days", "survey_days", "ticket_days", "ticket_old_days")
    clock = {
        "as_of": now,
        "window_start": now - timedelta(days=config.history_window_days),
        **{name: getattr(config, name) for name in windows},
        "policy_hash": policy.hash,
    }
    engine.fill("run_clock", tables.RUN_CLOCK, [[clock[name] for name in tables.RUN_CLOCK]])


def read_books(engine: EngineProtocol) -> tuple[dict[str, Price | DataError], DiscountBook]:
    """Return the prices by id and what finds the discounts."""
    coupons = {row["id"]: row for row in map(_coupon, engine.rows("stg_coupons"))}
    discounts = {row["id"]: row for row in map(_discount, engine.rows("stg_discounts"))}
    prices = {row["price_id"]: price_or_error(row) for row in engine.rows("stg_prices")}
    return prices, DiscountBook(coupons, discounts)


def rate(engine: EngineProtocol, rater: ItemRater) -> None:
    """Rate every item as it stands, in Python."""
    run_models(engine, RATING)
    inputs = engine.frame("SELECT * FROM item_inputs ORDER BY subscription_id, item_id")
    leave(engine, "item_rates", rated_frame(rater.rate(item_rows(inputs))), tables.ITEM_RATES)
    told = pd.DataFrame({"explanation_no": range(len(rater.explanations)), "explanation": rater.explanations})
    leave(engine, "item_explanations", told, tables.ITEM_EXPLANATIONS)
    rejected = pd.DataFrame(rater.rejected, columns=list(tables.REJECTED_ROWS))
    rejected = pd.concat([rejected, engine.frame("rejected_billing")])
    leave(engine, "rejected_rows", rejected, tables.REJECTED_ROWS)


def _match(engine: EngineProtocol, match: Match) -> None:
    """Ask whose company each customer is."""
    run_models(engine, ("matchable_customers",))
    found = match(
        customers=engine.frame(
            "SELECT customer_id, customer_name AS name, email, metadata FROM matchable_customers "
            "ORDER BY customer_id"
        ),
        companies=engine.frame("SELECT * FROM stg_companies ORDER BY company_id"),
        contacts=engine.frame("SELECT * FROM stg_contacts ORDER BY contact_id"),
    )
    leave(engine, "account_match", found, tables.ACCOUNT_MATCH)
    leave(engine, "customer_match", found.rename(columns={"rule": "match_rule"}), tables.CUSTOMER_MATCH)
    run_models(engine, ("account_customers",))


def _coupon(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of ``stg_coupons`` in the shape of Stripe's coupon."""
    return {
        **row,
        "id": row["coupon_id"],
        "applies_to": json.loads(row["applies_to"] or "null"),
        "currency_options": json.loads(row["currency_options"] or "null"),
    }


def _discount(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of ``stg_discounts`` in the shape of Stripe's discount."""
    return {
        "id": row["discount_id"],
        "source": json.loads(row["coupon_source"] or "null"),
        "start": row["start_epoch"],
        "end": row["end_epoch"],
    }
