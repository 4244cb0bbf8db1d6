"""The plan: what the CRM should hold against what it holds, field by field. Pure."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd

from crm_sync.canonical import is_missing
from crm_sync.company_plan import CurrentCompanies, plan_companies
from crm_sync.frames import records
from crm_sync.model import MadeFrom, Plan, Total, Unmatched
from crm_sync.options import NO_FLAGS, OwnFlags
from crm_sync.ports import Money
from crm_sync.preflight import Preflight, preflight
from crm_sync.properties import (
    COMPANIES,
    TASKS,
    Context,
    Field,
    fields_with,
    properties_of,
)
from crm_sync.task_plan import TaskPolicy, WhenOver, plan_tasks
from crm_sync.task_texts import Texts
from crm_sync.tasks import DEFAULT_RULES, Rule, own_rules, owners_of


@dataclass(frozen=True)
class PlanSettings:
    """What a person may set about the write side.

    Attributes:
        language: of sentences and tasks, ``en`` or ``fr``.
        fallback_owner_id: gets the tasks of companies whose owner is missing or has left; None for nobody.
        link: pattern of a page per account, for instance ``https://kpi.example/accounts/{account_id}``.
        rules: which flags become tasks.
        when_over: what becomes of an open task whose flag is down: ``complete``, ``comment`` or ``leave``.
        cooldown_days: after a task was completed, no other for the same account and flag that long.
        own_flags: the flags that the user declared.
        keep_edits: leave what somebody put in the place of a value of ours, instead of overwriting it.
    """

    language: str = "en"
    fallback_owner_id: str | None = None
    link: str | None = None
    rules: tuple[Rule, ...] = DEFAULT_RULES
    when_over: WhenOver = "complete"
    cooldown_days: int = 14
    own_flags: OwnFlags = field(default_factory=lambda: NO_FLAGS)
    keep_edits: bool = False


@dataclass(frozen=True)
class PlanInputs:
    """Everything a plan is made from; the frames are those of the marts, the landing and the store.

    Attributes:
        made_from: names this state.
        accounts: the accounts table.
        flags: ``account_flags``: account_id, flag, severity, evidence_en, evidence_fr.
        episodes: ``flag_episodes``: account_id, flag, episode, closed_at.
        matches: ``account_match``: customer_id, company_id, rule, candidates.
        items: ``subscription_items``, for the reasons: customer_id, mrr.
        companies: ``hubspot_companies``: id, archived, properties (JSON text), read_at (when reading the row
            began, UTC).
        pushed: what we wrote last, per company and property; what was written since the company was read
            overlays it: object_id, property, value, written_at.
        intended: what we may have written since, had the answer been put down: object_id, property, value.
        definitions: ``hubspot_properties``: object_type, name, type, archived, hasUniqueValue, options (JSON
            text).
        owners: ``hubspot_owners``: id, archived.
        tasks: ``hubspot_tasks``: id, properties (JSON text).
        task_ledger: what we wrote of tasks, see ``warehouse.tables.task_ledger``.
        definitions_pulled_at: when reading them began (UTC).
        set_up: our properties that were created or found by an apply: object_type, name, seen_at.
        tasks_refused: why the portal cannot hold our task key; None when it can or was never asked.
        carrying: how many companies carry our values, where ``companies`` are only some of them; None where
            they are all.
        tasks_read_at: when the tasks were last read whole (UTC); None when that is not known.
    """

    made_from: MadeFrom
    accounts: pd.DataFrame
    flags: pd.DataFrame
    episodes: pd.DataFrame
    matches: pd.DataFrame
    items: pd.DataFrame
    companies: pd.DataFrame
    pushed: pd.DataFrame
    intended: pd.DataFrame
    definitions: pd.DataFrame
    definitions_pulled_at: datetime
    owners: pd.DataFrame
    tasks: pd.DataFrame
    task_ledger: pd.DataFrame
    set_up: pd.DataFrame
    tasks_refused: str | None = None
    carrying: int | None = None
    tasks_read_at: datetime | None = None


def build_plan(inputs: PlanInputs, settings: PlanSettings, money: Money, now: datetime) -> Plan:
    """Return what apply has to write so that the CRM shows the current run.

    Args:
        inputs: the state.
        settings: what a person set.
        money: turns and writes amounts.
        now: goes into ``saaskpi_updated_at`` and the due dates (UTC, aware).
    """
    accounts = records(inputs.accounts)
    fields = _fields(inputs.accounts, settings.own_flags)
    checks = _preflights(inputs, fields)
    current = CurrentCompanies.read(inputs.companies, inputs.pushed, inputs.intended)
    context = Context(money, settings.language, settings.link, now)
    companies = plan_companies(
        accounts, current, fields, context, inputs.items, keep_edits=settings.keep_edits
    )
    policy = TaskPolicy(
        (*own_rules(inputs.flags), *settings.rules),
        Texts(settings.language, money, settings.link),
        owners_of(inputs.owners, settings.fallback_owner_id),
        settings.when_over,
        settings.cooldown_days,
    )
    tasks = plan_tasks(accounts, inputs, policy, now)
    return Plan(
        made_from=inputs.made_from,
        created_at=now,
        definitions=[one for check in checks for one in check.missing],
        updates=companies.updates,
        tasks=tasks.actions,
        task_changes=tasks.changes,
        tasks_left_out=tasks.left_out,
        tasks_already_open=tasks.already_open,
        unmatched=list(_unmatched(accounts, inputs.matches)),
        totals=_totals(accounts),
        notes=[*companies.notes, *tasks.notes],
        carrying=current.carrying if inputs.carrying is None else inputs.carrying,
        kept=companies.kept,
        blockers=[one for check in checks for one in check.blockers],
    )


def _fields(accounts: pd.DataFrame, own: OwnFlags) -> list[Field]:
    """Return the properties that this accounts table can feed."""
    there = set(accounts.columns)
    return [one for one in fields_with(own) if there.issuperset(one.columns)]


def _preflights(inputs: PlanInputs, fields: Sequence[Field]) -> list[Preflight]:
    portal: dict[str, dict[str, Mapping[str, Any]]] = defaultdict(dict)
    for row in records(inputs.definitions):
        options = row.get("options")
        known = {key: None if is_missing(value) else value for key, value in row.items()}
        known["options"] = json.loads(options) if isinstance(options, str) and options else []
        portal[row["object_type"]][row["name"]] = known
    wanted = {COMPANIES: [one.property for one in fields]}
    if inputs.tasks_refused is None:
        wanted[TASKS] = list(properties_of(TASKS))
    since = inputs.set_up["seen_at"] >= inputs.definitions_pulled_at
    before, after = (
        frozenset(seen["object_type"] + "." + seen["name"])
        for seen in (inputs.set_up[~since], inputs.set_up[since])
    )
    return [preflight(kind, declared, portal[kind], before, after) for kind, declared in wanted.items()]


def _unmatched(accounts: Sequence[Mapping[str, Any]], matches: pd.DataFrame) -> Iterator[Unmatched]:
    found = {row["customer_id"]: row for row in records(matches)}
    for account in accounts:
        if is_missing(account["company_id"]):
            customers = list(account["stripe_customer_ids"])
            rows = [found[customer] for customer in customers if customer in found]
            candidates = sorted({one for row in rows for one in row["candidates"]})
            yield Unmatched(
                account_id=str(account["account_id"]),
                name="" if is_missing(account["name"]) else str(account["name"]),
                customer_ids=customers,
                mrr=mrr_by_currency(account),
                reason=_why_unmatched(rows, candidates),
                candidates=candidates,
            )


def _why_unmatched(rows: Sequence[Mapping[str, Any]], candidates: Sequence[str]) -> str:
    rules = sorted({str(row["rule"]) for row in rows if not is_missing(row["rule"])})
    if len(candidates) > 1:
        return f"ambiguous: {len(candidates)} companies by {', '.join(rules)}"
    return "no company found"


def _totals(accounts: Sequence[Mapping[str, Any]]) -> list[Total]:
    matched: dict[str, int] = defaultdict(int)
    unmatched: dict[str, int] = defaultdict(int)
    for account in accounts:
        side = unmatched if is_missing(account["company_id"]) else matched
        for currency, amount in mrr_by_currency(account).items():
            side[currency] += amount
    return [
        Total(one, matched[one] + unmatched[one], matched[one], unmatched[one])
        for one in sorted({*matched, *unmatched})
    ]


def mrr_by_currency(account: Mapping[str, Any]) -> dict[str, int]:
    """Return an account's MRR in minor units per currency."""
    text = account["mrr_by_currency"]
    amounts = {} if is_missing(text) else json.loads(text)
    return {str(currency): int(amount) for currency, amount in amounts.items()}


__all__ = ["MadeFrom", "Plan", "PlanInputs", "PlanSettings", "build_plan"]
