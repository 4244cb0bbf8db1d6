"""Which fields of which companies change, and why. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
import pandas as pd

from crm_sync.canonical import canonical, is_missing
from crm_sync.frames import living, picked
from crm_sync.model import CompanyUpdate, FieldChange, KeptEdit
from crm_sync.properties import CUSTOMER_IDS, FIELDS, UPDATED_AT, Context, Field

_TYPES = {one.property.name: one.property.type for one in FIELDS}
_CLEARED = "no Stripe customer belongs to this company any more"
NAMED_CUSTOMERS = 3
_MARKS = frozenset({CUSTOMER_IDS, UPDATED_AT})
"""They say whose the values are and how old; an edit of them is never kept."""


@dataclass(frozen=True)
class CurrentCompanies:
    """What the CRM holds of ours, as far as we know.

    Attributes:
        names: of every company that is not archived, by id.
        values: our properties in canonical form, by company id; empty ones left out.
        written: what we wrote last before each company was read, by company id and property: another value
            was put there by somebody else.
    """

    names: dict[str, str]
    values: dict[str, dict[str, str]]
    written: dict[str, dict[str, str]]

    @classmethod
    def read(cls, companies: pd.DataFrame, pushed: pd.DataFrame, intended: pd.DataFrame) -> CurrentCompanies:
        """Read the landing and lay over it what was pushed since.

        Args:
            companies: id, archived, properties (JSON text), read_at.
            pushed: object_id, property, value, written_at: what we wrote last.
            intended: object_id, property, value: what we may have written since; found there, it is ours.
        """
        there = living(companies)
        ids = there["id"].astype(str).tolist()
        found = picked(there["properties"], {"name": "name"} | {name: name for name in _TYPES})
        names = dict(zip(ids, ("" if name is None else str(name) for name in found["name"]), strict=True))
        values: dict[str, dict[str, str]] = {one: {} for one in ids}
        written: dict[str, dict[str, str]] = {one: {} for one in ids}
        for name, kind in _TYPES.items():
            for company_id, value in zip(ids, found[name].tolist(), strict=True):
                _put(values[company_id], name, canonical(value, kind))
        read_at = dict(zip(ids, there["read_at"].tolist(), strict=True))
        for company_id, name, value, at in pushed[
            ["object_id", "property", "value", "written_at"]
        ].to_numpy():
            if company_id in values and name in _TYPES:
                text = canonical(value, _TYPES[name])
                if at >= read_at[company_id]:
                    _put(values[company_id], name, text)
                else:
                    written[company_id][name] = text
        for company_id, name, value in intended[["object_id", "property", "value"]].to_numpy():
            if company_id in values and name in _TYPES:
                text = canonical(value, _TYPES[name])
                if text == values[company_id].get(name, ""):
                    written[company_id][name] = text
        return cls(names, values, written)

    @property
    def carrying(self) -> int:
        """How many companies carry our values."""
        return sum(CUSTOMER_IDS in values for values in self.values.values())


def _put(values: dict[str, str], name: str, value: str) -> None:
    if value:
        values[name] = value
    else:
        values.pop(name, None)


@dataclass
class CompanyPlan:
    """Updates, edits that are kept, and what a reader should know."""

    updates: list[CompanyUpdate] = field(default_factory=list)
    kept: list[KeptEdit] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def plan_companies(
    accounts: Sequence[Mapping[str, Any]],
    current: CurrentCompanies,
    fields: Sequence[Field],
    context: Context,
    items: pd.DataFrame,
    *,
    keep_edits: bool = False,
) -> CompanyPlan:
    """Return the changes of every company with an account, and of those that have none any more.

    Args:
        accounts: rows of the accounts table.
        current: what the CRM holds.
        fields: the properties that the accounts can feed.
        context: money, language, link, time.
        items: subscription items: customer_id, mrr.
        keep_edits: leave what somebody put in the place of a value of ours.
    """
    plan = CompanyPlan()
    counts = _item_counts(items)
    wanted = {str(row["company_id"]): row for row in accounts if not is_missing(row["company_id"])}
    unlisted: dict[str, set[str]] = defaultdict(set)
    for company_id, account in sorted(wanted.items()):
        if company_id not in current.values:
            plan.notes.append(f"Company {company_id} is not in the last pull; it is left as it is.")
            continue
        target = _target(account, fields, context, unlisted)
        reasons = _Reasons(account, counts)
        found = current.values[company_id]
        changes = [
            FieldChange(name, found.get(name, ""), new, reasons.of(one))
            for name, (new, one) in target.items()
            if new != found.get(name, "")
        ]
        _add(plan, current, company_id, "update", changes, keep_edits=keep_edits)
    plan.notes += [
        f"{name} is left as it is where it would be {', '.join(sorted(values))}: not one of its options."
        for name, values in sorted(unlisted.items())
    ]
    _clear(plan, current, wanted, keep_edits=keep_edits)
    return plan


def _clear(
    plan: CompanyPlan, current: CurrentCompanies, wanted: Mapping[str, object], *, keep_edits: bool
) -> None:
    for company_id, values in sorted(current.values.items()):
        if CUSTOMER_IDS in values and company_id not in wanted:
            changes = [FieldChange(name, value, "", _CLEARED) for name, value in values.items()]
            _add(plan, current, company_id, "clear", changes, keep_edits=keep_edits)


def _add(
    plan: CompanyPlan,
    current: CurrentCompanies,
    company_id: str,
    action: Literal["update", "clear"],
    found: Iterable[FieldChange],
    *,
    keep_edits: bool,
) -> None:
    """Plan the fields of a company that change; an edit by somebody else is marked, or kept."""
    name, written = current.names[company_id], current.written[company_id]
    changes = []
    for one in found:
        ours = written.get(one.property, one.old)
        if ours == one.old or one.property == UPDATED_AT:
            changes.append(one)
        elif keep_edits and one.property not in _MARKS:
            plan.kept.append(KeptEdit(company_id, name, one.property, ours, one.old, one.new))
        else:
            changes.append(msgspec.structs.replace(one, written=ours))
    # The time of the change alone is no change.
    if any(change.property != UPDATED_AT for change in changes):
        plan.updates.append(CompanyUpdate(company_id, name, action, changes))


def _target(
    account: Mapping[str, Any], fields: Iterable[Field], context: Context, unlisted: dict[str, set[str]]
) -> dict[str, tuple[str, Field]]:
    """Return what each property should be; values that are not among the options are noted and left out."""
    target = {}
    for one in fields:
        declared = one.property
        value = canonical(one.value(account, context), declared.type)
        odd = set(value.split(";")) - {"", *declared.options} if declared.options is not None else set()
        if odd:
            unlisted[declared.name] |= odd
        else:
            target[declared.name] = (value, one)
    return target


class _Reasons:
    """Says why a field of one account is what it is."""

    def __init__(self, account: Mapping[str, Any], counts: Mapping[str, int]) -> None:
        customers = sorted(account["stripe_customer_ids"])
        shown = ", ".join(customers[:NAMED_CUSTOMERS])
        more = len(customers) - NAMED_CUSTOMERS
        self._customers = f"{shown} and {more} more" if more > 0 else shown
        self._items = sum(counts[customer] for customer in customers)

    def of(self, one: Field) -> str:
        return one.reason.format(customers=self._customers, items=self._items)


def _item_counts(items: pd.DataFrame) -> Counter[str]:
    if not len(items):
        return Counter()
    paying = items.loc[items["mrr"].fillna(0) != 0, "customer_id"]
    return Counter(paying.astype(str).tolist())
