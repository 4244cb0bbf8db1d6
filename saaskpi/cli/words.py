"""What the commands say, as lines of plain words. Pure: results in, lines out."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crm_sync.guards import Tripped
from crm_sync.model import FieldChange, Plan
from enrichment.explain import explain_item
from enrichment.money import format_money
from enrichment.mrr_history import difference_lines, history_lines, month_end_lines
from saaskpi.cli.output import counted
from saaskpi.cli.task_words import task_lines

if TYPE_CHECKING:
    from saaskpi.results import EnrichResult, PullResult, Written

BAND_LINES = 10
"""Accounts that changed their band that are printed."""
HISTORY_DAYS = 12
"""Days of the score's history that are printed; --json holds all of them."""
PLAN_LINES = 40
"""Companies whose changes are printed; the file of ``-o`` and ``--json`` hold all of them."""


def pulled_lines(result: PullResult) -> list[str]:
    """Say what a pull brought."""
    lines = [f"  {stream:<28} {count:>10,}" for stream, count in result.rows.items()]
    lines += [
        f"Kept aside: {count} records of {stream} that do not fit its schema; see raw/_rejected."
        for stream, count in result.rejected.items()
    ]
    return [*lines, "Next: saaskpi enrich"]


def enriched_lines(result: EnrichResult) -> list[str]:
    """Say what an enrichment computed."""
    bands = ", ".join(f"{count} {band}" for band, count in result.bands.items())
    lines = [f"{result.accounts:,} accounts as of {result.as_of:%Y-%m-%d %H:%M} UTC: {bands}."]
    lines += _band_change_lines(result.band_changes)
    lines += [
        f"Kept aside: {counted(count, 'row')} of {stream}, the first {result.reasons[stream]}"
        for stream, count in result.rejected.items()
    ]
    if result.rejected:
        lines.append(f"All of them: {result.tables}/rejected_rows.parquet")
    if result.differences:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in result.differences.items())
        count = sum(result.differences.values())
        lines += [
            f"Where Stripe's own records disagree on an item's MRR: {count:,} ({reasons})",
            f"Which of them stands: saaskpi explain ACCOUNT, or {result.tables}/mrr_differences.parquet",
        ]
    return [*lines, *result.notes, "Next: saaskpi accounts, saaskpi kpis, or saaskpi plan"]


def _band_change_lines(changes: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Tell the accounts that went from one band to another, the worst first."""
    for row in changes[:BAND_LINES]:
        points = f"{row['score_before']} to {row['score']} points"
        yield f"{row['name']} went from {row['before']} to {row['band']}: {points}."
    if len(changes) > BAND_LINES:
        yield f"... and {len(changes) - BAND_LINES} more: saaskpi enrich --json shows all."


def total_lines(totals: Sequence[Mapping[str, Any]], accounts: int) -> list[str]:
    """Say the totals per currency: MRR matched + MRR unmatched = MRR.

    Args:
        totals: from :func:`saaskpi.portfolio.totals`, money in minor units.
        accounts: how many accounts are listed.
    """
    lines = [f"Totals of {counted(accounts, 'account')}"]
    for row in totals:
        mrr, arr, matched, unmatched = (
            format_money(row[name], row["currency"])
            for name in ("mrr", "arr", "mrr_matched", "mrr_unmatched")
        )
        lines.append(f"  MRR {mrr}   ARR {arr}   {row['customers']:,} customers")
        lines.append(f"      in the CRM {matched} + without a company {unmatched} = {mrr}")
    return lines


def plan_lines(plan: Plan, stops: Sequence[Tripped] = ()) -> list[str]:
    """Say what a plan would write, field by field.

    Args:
        plan: what would be written.
        stops: the guards that it would trip.
    """
    lines = [f"BLOCKED: {item.message} {item.hint}" for item in plan.blockers]
    lines += [f"STOPS: {item.message} If it is right: {item.flag}" for item in stops]
    created = [item for item in plan.definitions if item.action == "create"]
    for object_type, group in groupby(created, key=lambda item: item.object_type):
        lines.append(f"Create properties on {object_type}: {', '.join(item.name for item in group)}")
    for item in plan.definitions:
        if item.action == "add_options":
            values = ", ".join(option["value"] for option in item.body["options"])
            lines.append(f"Add options to {item.object_type} {item.name}: {values}")
    for update in plan.updates[:PLAN_LINES]:
        lines.append(f"{update.name} (company {update.company_id})")
        lines += [
            f"  {c.property}: {c.old or '(empty)'} -> {c.new or '(empty)'}   {c.reason}{_edited(c)}"
            for c in update.changes
        ]
    if len(plan.updates) > PLAN_LINES:
        lines.append(
            f"... and {len(plan.updates) - PLAN_LINES} more companies: saaskpi plan --json shows all."
        )
    lines += [
        f"{one.name} (company {one.company_id}): {one.property} stays {one.found or '(empty)'}, as somebody "
        f"edited it; it would be {one.wanted or '(empty)'}"
        for one in plan.kept
    ]
    lines += task_lines(plan)
    lines += [_unmatched(item) for item in plan.unmatched]
    if plan.unmatched:
        lines.append("To say which company one belongs to: saaskpi link set CUSTOMER COMPANY")
    lines += plan.notes
    return [*lines, "", *_plan_totals(plan)]


def applied_lines(written: Written) -> list[str]:
    """Say what was written to the CRM."""
    plan, result = written.plan, written.result
    lines = [f"Not written: {kind} {key}: {reason}" for kind, key, reason in result.failures]
    lines += [*plan.notes, *result.messages]
    if result.edits_kept:
        lines.append(f"Edited in HubSpot and left so: {counted(result.edits_kept, 'value')} of ours.")
    if plan.writes_nothing:
        return [*lines, "Nothing to write: the CRM shows these numbers already."]
    return [
        *lines,
        f"Written to the CRM as {plan.apply_id} (saaskpi undo takes it back)",
        f"  {result.properties_created:>6,} properties created",
        f"  {result.companies_updated:>6,} companies updated ({result.fields_written:,} fields)",
        *(
            [f"  {result.edits_overwritten:>6,} values put back that somebody had edited in HubSpot"]
            if result.edits_overwritten
            else []
        ),
        f"  {result.tasks_opened:>6,} tasks created, {result.tasks_linked:,} linked to their company",
        f"  {result.tasks_completed:>6,} tasks completed, {result.tasks_commented:,} commented, "
        f"{result.tasks_updated:,} changed",
    ]


def explanation_lines(explanation: Mapping[str, Any], language: str) -> list[str]:
    """Say why an account has its MRR, score and flags, and what moved its MRR.

    Args:
        explanation: from :func:`saaskpi.explaining.explain` and :func:`saaskpi.history.history`.
        language: of the reasons, en or fr.
    """
    items, health = _item_lines(explanation, language), _health_lines(explanation, language)
    moved = _moved_lines(explanation, language, closely=False)
    return [*_account_lines(explanation), "", *items, "", *moved, *health]


def month_lines(explanation: Mapping[str, Any], language: str) -> list[str]:
    """Say what moved an account's MRR in one month and what it was made of at the month's end.

    Args:
        explanation: as for :func:`explanation_lines`, of that month alone.
        language: of the reasons, en or fr.
    """
    account, moved = explanation["account"], _moved_lines(explanation, language, closely=True)
    items = month_end_lines(explanation["month_end"], language) or ["Nothing."]
    # Without today's status and MRR, which could be taken for the month's.
    return [
        f"{account['name']} ({account['account_id']})",
        *_match_lines(explanation),
        "",
        *moved,
        "What counted at the end of the month",
        *_indented(items),
    ]


def next_steps(rows: Sequence[Mapping[str, Any]], home: Path, env_file: Path | None) -> Iterator[str]:
    """Say what a newcomer can type next.

    Args:
        rows: the portfolio shown.
        home: where the numbers are.
        env_file: variables for a second terminal while the sandbox is up; None when it ends.
    """
    where = "" if str(home) == ".saaskpi" else f" --home {shlex.quote(str(home))}"
    steps = []
    if rows:
        name = shlex.quote(str(rows[0]["name"]))
        steps.append((f"explain{where} {name}", "why this MRR, this score, these flags"))
    steps += [
        (f"accounts{where} --band red", "the accounts to call first"),
        (f"kpis{where}", "MRR and its movements, month by month"),
        (f"kpis{where} --month latest", "every figure of a month, with its formula"),
        (f"accounts{where} --format json", "for a script"),
        ("init", "your own Stripe and HubSpot"),
    ]
    typed = [(f".venv/bin/saaskpi {step}", why) for step, why in steps]
    if env_file:
        again = f"source {shlex.quote(str(env_file))} && .venv/bin/saaskpi run"
        typed.insert(-1, (again, "in a second terminal: writes nothing more"))
    width = max(len(step) for step, _ in typed)
    yield "Next"
    yield from (f"  {step:<{width}}  {why}" for step, why in typed)


def _account_lines(explanation: Mapping[str, Any]) -> list[str]:
    account = explanation["account"]
    return [
        f"{account['name']} ({account['account_id']}), {account['status']}",
        *_amount_lines(account),
        *_match_lines(explanation),
    ]


def _amount_lines(account: Mapping[str, Any]) -> Iterator[str]:
    currency = account["currency"]
    if currency:
        yield (
            f"MRR {format_money(account['mrr'], currency)}, ARR {format_money(account['arr'], currency)}, "
            f"before discounts {format_money(account['contract_mrr'], currency)} a month"
        )
    others = {code: amount for code, amount in account["mrr_by_currency"].items() if code != currency}
    yield from (
        f"And in {code.upper()}: {format_money(amount, code)} a month" for code, amount in others.items()
    )


def _match_lines(explanation: Mapping[str, Any]) -> Iterator[str]:
    for row in explanation["match"]:
        found = f"company {row['company_id']} by {row['rule']}" if row["company_id"] else "no company"
        if row["candidates"] and not row["company_id"]:
            found = f"ambiguous between companies {', '.join(row['candidates'])}"
        yield (f"Stripe customer {row['customer_id']}: {found}")


def _item_lines(explanation: Mapping[str, Any], language: str) -> Iterator[str]:
    yield "Where the MRR comes from"
    if not explanation["items"]:
        yield "  No subscription."
    for item in explanation["items"]:
        first, *steps = explain_item(item, language)
        yield f"  {first}"
        yield from (f"    {step}" for step in steps)


def _moved_lines(explanation: Mapping[str, Any], language: str, *, closely: bool) -> Iterator[str]:
    """Tell the months, their changes, and where the evidence disagreed; nothing of an account without MRR."""
    yield "What moved the MRR"
    yield from _indented(history_lines(explanation, language, closely=closely) or ["Nothing so far."])
    yield ""
    differences = difference_lines(explanation["differences"], language)
    if differences:
        yield "Where Stripe's own records disagree"
        yield from _indented(differences)
        yield ""


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _health_lines(explanation: Mapping[str, Any], language: str) -> Iterator[str]:
    account = explanation["account"]
    yield f"Health: {account['health_reasons']}"
    for component, group in groupby(explanation["signals"], key=lambda row: row["component"]):
        yield from _component_lines(component, list(group), language)
    yield from _score_history(explanation["health_history"])
    for flag in explanation["flags"]:
        kind = flag["kind"].capitalize()
        yield f"{kind} ({flag['severity']}) {flag['flag']}: {flag[f'evidence_{language}']}"


def _score_history(days: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Tell the score on the last days that were kept, and where the settings of the score changed."""
    if len(days) < 2:
        return
    yield "Score on the days that were described"
    shown = days[-HISTORY_DAYS:]
    for before, day in zip([None, *shown], shown, strict=False):
        score = "-" if day["health_score"] is None else day["health_score"]
        changed = before is not None and before["health_config_hash"] != day["health_config_hash"]
        mark = "   other settings from here on: not comparable with the days above" if changed else ""
        yield f"  {day['day']}  {score:>3}  {day['health_band']:<7}{mark}".rstrip()


def _component_lines(component: str, signals: Sequence[Mapping[str, Any]], language: str) -> Iterator[str]:
    if not any(signal["max_points"] for signal in signals):
        yield f"  {component:<13} does not count, for any account: {signals[0][f'reason_{language}']}"
        return
    for signal in signals:
        points = "-" if signal["points"] is None else f"{signal['points']:.1f}"
        got = f"{points:>5} of {signal['max_points']:<5.1f} {signal['state']:<9}"
        yield f"  {component:<13} {signal['signal']:<12} {got} {signal[f'reason_{language}'] or ''}"


def _unmatched(item: Any) -> str:
    amounts = " + ".join(format_money(amount, code) for code, amount in item.mrr.items()) or "no MRR"
    return f"Without a company: {item.name} ({', '.join(item.customer_ids)}), {amounts}: {item.reason}"


def _edited(change: FieldChange) -> str:
    """Say that a change overwrites what somebody put in the place of our value."""
    return "" if change.written is None else f"   (edited in HubSpot: we wrote {change.written or '(empty)'})"


def _plan_totals(plan: Plan) -> Iterator[str]:
    if plan.writes_nothing:
        yield "Nothing to write: the CRM shows these numbers already."
    else:
        properties, companies, tasks = len(plan.definitions), len(plan.updates), plan.tasks_to_open
        yield (
            f"{properties} properties to set up, {companies} companies to update, {tasks} tasks to open, "
            f"{len(plan.task_changes)} to change."
        )
    for total in plan.totals:
        mrr, matched, unmatched = (
            format_money(n, total.currency) for n in (total.mrr, total.matched, total.unmatched)
        )
        yield f"MRR {mrr} = in the CRM {matched} + without a company {unmatched}"
