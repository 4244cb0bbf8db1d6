"""The properties that are ours in HubSpot: how they are declared, and which account column feeds each.

Amounts are written in units of the account's currency (``saaskpi_currency``), since salespeople read them;
everywhere else they are integer minor units. ``hs_mrr`` and its family are calculated by HubSpot and cannot
be written, hence our own names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from crm_sync.canonical import is_missing
from crm_sync.options import BANDS, NO_FLAGS, OPPORTUNITIES, RISKS, STATUSES, Options, OwnFlags
from crm_sync.ports import Money
from saaskpi.errors import UsageError

GROUP = "saaskpi"
GROUP_LABEL = "SaaS KPIs"
COMPANIES = "companies"
TASKS = "tasks"
UPDATED_AT = "saaskpi_updated_at"
CUSTOMER_IDS = "saaskpi_stripe_customer_ids"
TASK_KEY = "saaskpi_task_key"

TASK_FIELDS = (
    "hs_timestamp",
    "hs_task_subject",
    "hs_task_body",
    "hs_task_status",
    "hs_task_priority",
    "hs_task_type",
    "hubspot_owner_id",
)
"""HubSpot's own properties that our tasks are made of."""

FLAG_PROPERTIES: Mapping[str, str] = {
    "risk": "saaskpi_risk_flags",
    "opportunity": "saaskpi_opportunity_flags",
}
"""Kind of a flag to the property that shows the flags of this kind."""


def own_label(flag: str) -> str:
    """Return what people see of a flag that a user declared: ``big_and_quiet`` is ``Big and quiet``."""
    return flag.replace("_", " ").capitalize()


@dataclass(frozen=True, slots=True)
class Property:
    """One property definition.

    Attributes:
        name: internal name.
        label: what people see.
        type: HubSpot's type.
        field_type: HubSpot's field type; the pair must be one that HubSpot allows.
        description: what people see beside it.
        options: of an enumeration.
        unique: two records cannot have the same value; HubSpot allows that only at creation.
        hint: how HubSpot shows a number.
    """

    name: str
    label: str
    type: str
    field_type: str
    description: str
    options: Options | None = None
    unique: bool = False
    hint: str | None = None

    def body(self) -> dict[str, Any]:
        """Return the definition as HubSpot's API takes it."""
        body: dict[str, Any] = {
            "name": self.name,
            "label": self.label,
            "type": self.type,
            "fieldType": self.field_type,
            "groupName": GROUP,
            "description": self.description,
        }
        if self.options is not None:
            body["options"] = [
                {"value": value, "label": label, "displayOrder": order, "hidden": False}
                for order, (value, label) in enumerate(self.options.items())
            ]
        if self.unique:
            body["hasUniqueValue"] = True
        if self.hint is not None:
            body["numberDisplayHint"] = self.hint
        return body


@dataclass(frozen=True, slots=True)
class Context:
    """What values depend on beside the account: money, language, link pattern and time (UTC)."""

    money: Money
    language: str
    link: str | None
    now: datetime


Row = Mapping[str, Any]
Value = Callable[[Row, Context], Any]


@dataclass(frozen=True, slots=True)
class Field:
    """A property with what feeds it.

    Attributes:
        property: its definition.
        columns: account columns that it needs; where one is missing the property is left alone.
        value: from an account row to a value; None or "" for none.
        reason: said in the plan; ``{customers}`` and ``{items}`` are filled in.
    """

    property: Property
    columns: tuple[str, ...]
    value: Value
    reason: str


def _plain(column: str) -> Value:
    return lambda row, _: row[column]


def _money(column: str) -> Value:
    def value(row: Row, context: Context) -> Any:
        if is_missing(row[column]) or is_missing(row["currency"]):
            return None
        return context.money.to_major(int(row[column]), str(row["currency"]))

    return value


def _ratio(column: str) -> Value:
    return lambda row, _: None if is_missing(row[column]) else round(float(row[column]), 4)


def _worded(row: Row, context: Context) -> Any:
    return row["health_reasons_fr" if context.language == "fr" else "health_reasons"]


def _upper_currency(row: Row, _: Context) -> Any:
    return None if is_missing(row["currency"]) else str(row["currency"]).upper()


def _link(row: Row, context: Context) -> Any:
    return context.link.format(account_id=row["account_id"]) if context.link else None


def _amount(name: str, label: str, description: str, reason: str) -> Field:
    said = f"{description}, per month, in the currency of the account."
    declared = Property(f"saaskpi_{name}", label, "number", "number", said, hint="formatted")
    return Field(declared, (name, "currency"), _money(name), reason)


def _field(
    name: str,
    label: str,
    pair: str,
    description: str,
    *,
    reason: str,
    options: Options | None = None,
    hint: str | None = None,
    columns: tuple[str, ...] | None = None,
    value: Value | None = None,
) -> Field:
    kind, field_type = pair.split("-")
    declared = Property(f"saaskpi_{name}", label, kind, field_type, description, options, hint=hint)
    return Field(declared, columns or (name,), value or _plain(name), reason)


FIELDS: tuple[Field, ...] = (
    _amount(
        "mrr",
        "MRR",
        "Monthly recurring revenue",
        "MRR from Stripe: {items} subscription items of {customers}",
    ),
    Field(
        Property(
            "saaskpi_arr",
            "ARR",
            "number",
            "number",
            "Annual recurring revenue: 12 times MRR, in the currency of the account.",
            hint="formatted",
        ),
        ("arr", "currency"),
        _money("arr"),
        "12 times MRR",
    ),
    _amount(
        "contract_mrr",
        "Contract MRR",
        "MRR as contracted, whatever is not counted today",
        "contracted MRR of {customers}",
    ),
    _amount(
        "scheduled_churn_mrr",
        "MRR that will end",
        "MRR of subscriptions whose cancellation is scheduled",
        "scheduled cancellations of {customers}",
    ),
    _amount(
        "cltv",
        "Customer lifetime value",
        "MRR x gross margin x the average lifetime of customers",
        "MRR of {customers} and the churn of all customers",
    ),
    _field(
        "mrr_change_12m",
        "MRR change, 12 months",
        "number-number",
        "MRR today against 12 months ago; 0.25 is 25 % more.",
        hint="percentage",
        value=_ratio("mrr_change_12m"),
        reason="MRR today against 12 months ago",
    ),
    _field(
        "currency",
        "Currency",
        "string-text",
        "Currency of the amounts in this group.",
        value=_upper_currency,
        reason="currency of {customers}",
    ),
    _field("plan", "Plan", "string-text", "What the customer pays for.", reason="products of {customers}"),
    _field(
        "customer_since",
        "Customer since",
        "date-date",
        "Day of the first payment.",
        reason="first payment of {customers}",
    ),
    _field(
        "renewal_date",
        "Renewal date",
        "date-date",
        "Day on which the current term ends.",
        reason="end of the current term of {customers}",
    ),
    _field(
        "status",
        "Subscription status",
        "enumeration-select",
        "State of the subscriptions.",
        options=STATUSES,
        reason="subscriptions of {customers}",
    ),
    _field(
        "health_score",
        "Health score",
        "number-number",
        "0 (leaving) to 100 (well).",
        reason="health score from its measured signals",
    ),
    _field(
        "health_band",
        "Health band",
        "enumeration-select",
        "The score in a word.",
        options=BANDS,
        reason="health score",
    ),
    _field(
        "health_reasons",
        "Health reasons",
        "string-textarea",
        "Why the score is what it is.",
        columns=("health_reasons", "health_reasons_fr"),
        value=_worded,
        reason="signals that cost most points",
    ),
    _field(
        "health_coverage",
        "Health coverage",
        "number-number",
        "Per cent of the score that was measured.",
        reason="share of the signals that could be measured",
    ),
    _field(
        "risk_flags",
        "Risks",
        "enumeration-checkbox",
        "Open risks.",
        options=RISKS,
        reason="open risk flags",
    ),
    _field(
        "opportunity_flags",
        "Opportunities",
        "enumeration-checkbox",
        "Open opportunities.",
        options=OPPORTUNITIES,
        reason="open opportunity flags",
    ),
    _field(
        "stripe_customer_ids",
        "Stripe customers",
        "string-textarea",
        "Stripe customers counted here.",
        value=lambda row, _: ";".join(sorted(row["stripe_customer_ids"])),
        reason="Stripe customers matched to this company",
    ),
    _field(
        "link",
        "KPI page",
        "string-text",
        "Where to read more.",
        columns=("account_id",),
        value=_link,
        reason="address of the account's page",
    ),
    _field(
        "updated_at",
        "KPIs updated at",
        "datetime-date",
        "When one of these last changed.",
        columns=("account_id",),
        value=lambda _, context: context.now,
        reason="another value changes",
    ),
)
"""Every company property, in the order in which it is shown. ``updated_at`` alone never causes a write."""


def fields_with(own: OwnFlags) -> tuple[Field, ...]:
    """Return every company property, those of flags with options for the flags that users declared.

    Args:
        own: the declared flags.
    """
    added = {FLAG_PROPERTIES[kind]: {flag: own_label(flag) for flag in flags} for kind, flags in own.items()}
    return tuple(
        replace(one, property=replace(one.property, options={**(one.property.options or {}), **more}))
        if (more := added.get(one.property.name))
        else one
        for one in FIELDS
    )


TASK_KEY_PROPERTY = Property(
    TASK_KEY,
    "SaaS KPI task key",
    "string",
    "text",
    "Tells saaskpi which of its tasks this is; do not change it.",
    unique=True,
)


def properties_of(object_type: str, own: OwnFlags = NO_FLAGS) -> tuple[Property, ...]:
    """Return our properties of an object type (``companies`` or ``tasks``), with the user's own flags."""
    if object_type != COMPANIES:
        return (TASK_KEY_PROPERTY,)
    return tuple(one.property for one in fields_with(own))


def definitions(object_type: str, own: OwnFlags = NO_FLAGS) -> list[dict[str, Any]]:
    """Return our property definitions of an object type as HubSpot's API takes them."""
    return [declared.body() for declared in properties_of(object_type, own)]


WRITABLE: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        COMPANIES: frozenset(one.property.name for one in FIELDS),
        TASKS: frozenset({TASK_KEY, *TASK_FIELDS}),
    }
)
"""Every property that is ever written, by object type: our own, and the fields of our own tasks."""


def refuse_foreign(object_type: str, names: Iterable[str]) -> None:
    """Stop before a property is written that is not ours.

    Raises:
        UsageError: one of the names is not among ours.
    """
    foreign = sorted(set(names) - WRITABLE.get(object_type, frozenset()))
    if foreign:
        raise UsageError(
            f"{', '.join(foreign)} on {object_type} is not a property of ours and is never written.",
            hint="Make a new plan with `saaskpi plan`.",
        )
