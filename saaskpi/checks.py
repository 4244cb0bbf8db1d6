"""What ``saaskpi check`` looks at: each finding with what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from connectors.hubspot.client import HEALTH_TYPES, HubSpotClient
from connectors.hubspot.writer import HubSpotWriter
from connectors.stripe.client import StripeClient
from crm_sync.model import Definition
from crm_sync.preflight import preflight
from crm_sync.properties import COMPANIES, GROUP, GROUP_LABEL, TASK_KEY, TASKS, properties_of
from saaskpi.declared import own_flags
from saaskpi.errors import RejectedError, SaaskpiError
from saaskpi.settings import Settings
from warehouse.database import shown
from warehouse.marts import Marts
from warehouse.store import Store

STRIPE_READS = (
    "customers", "subscriptions", "products", "prices", "coupons", "invoices", "charges", "events",
)  # fmt: skip
HUBSPOT_READS = ("companies", "contacts", "tasks")
"""What a pull reads, beside the owners: what the keys must be allowed to."""
_TOUCHES = "the days since the last touch and the contacts engaged"
HEALTH_COSTS: Mapping[str, str] = {
    "calls": f"calls do not count in {_TOUCHES}",
    "emails": f"e-mails received do not count in {_TOUCHES}",
    "meetings": f"meetings do not count in {_TOUCHES}",
    "notes": "an account in a portal with notes alone is not known to be untouched",
    "tickets": "the health score has no ticket load and no open tickets, and ticket_spike is never raised",
    "feedback_submissions": "NPS and CSAT are read from crm.nps_property and crm.csat_property alone",
    "deals": "open_expansion is raised by crm.budget_property alone",
}
"""What a pull can do without, and what the numbers lose by it."""


@dataclass(frozen=True)
class Check:
    """One finding.

    Attributes:
        name: what was looked at.
        state: ok, todo (works, but something is left to do) or fail.
        words: what was found.
        hint: what to do; empty when nothing.
    """

    name: str
    state: Literal["ok", "todo", "fail"]
    words: str
    hint: str = ""


def run_checks(settings: Settings, *, create_properties: bool) -> list[Check]:
    """Look at the store, both keys with their permissions, and the properties in HubSpot.

    Args:
        settings: checked settings.
        create_properties: create the property group, definitions and options that are missing.
    """
    found: list[Check] = []
    for name, look in (
        ("store", lambda: _store(settings)),
        ("Stripe", lambda: _stripe(settings)),
        ("HubSpot", lambda: _hubspot(settings)),
        ("usage", lambda: _usage(settings)),
        ("HubSpot properties", lambda: _properties(settings, create_properties)),
    ):
        found += _guarded(name, look)
    return found


def _guarded(name: str, look: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    try:
        yield from look()
    except SaaskpiError as error:
        yield Check(name, "fail", error.message, error.hint)


def _store(settings: Settings) -> Iterator[Check]:
    if not settings.has_store():
        yield Check("store", "ok", f"{settings.home} is empty; the first run fills it.")
        return
    with Store.open(settings.store_at()) as store:
        store.check()
    yield Check("store", "ok", f"{shown(settings.store_at())} is whole and of this version.")


def _usage(settings: Settings) -> Iterator[Check]:
    """Say what the last run found of the usage data, and whether what counts as use is named."""
    usage, run = settings.usage, _current_run(settings)
    if run:
        findings = Marts(settings.home / "marts", lambda: run).read("usage_findings")
        yield from (Check("usage", *found) for found in findings.itertuples(index=False, name=None))
    elif usage.sources and not usage.core_events:
        hint = 'Name those that mean real use: usage.core_events = ["..."]'
        yield Check("usage", "todo", "No core event is named: every event counts as use.", hint)


def _current_run(settings: Settings) -> str | None:
    if not settings.has_store():
        return None
    with Store.open(settings.store_at()) as store:
        return store.current_run()


def _stripe(settings: Settings) -> Iterator[Check]:
    client = StripeClient(settings.stripe_key(), settings.stripe.api_base)
    account = client.account()
    yield Check("Stripe", "ok", f"{account.name} ({account.id or 'account not told'}), {account.mode} mode.")
    for resource, lack in client.missing_permissions(STRIPE_READS).items():
        yield Check(
            f"Stripe {resource}",
            "fail",
            f"The key lacks {lack}.",
            "Add it to the key under Developers > API keys.",
        )
    yield from _meters(client)


def _meters(client: StripeClient) -> Iterator[Check]:
    for lack in client.missing_permissions(("billing/meters",)).values():
        words = f"The key lacks {lack}: no usage is read from billing meters."
        yield Check("Stripe meters", "todo", words, "Add it to the key, if you bill by meters.")


def _hubspot(settings: Settings) -> Iterator[Check]:
    client = _hubspot_client(settings)
    portal = client.portal()
    yield Check("HubSpot", "ok", f"{portal.name}.")
    for resource, lack in client.missing_scopes(HUBSPOT_READS).items():
        yield Check(
            f"HubSpot {resource}", "fail", f"The token lacks {lack}.", "Add it under Settings > Integrations."
        )
    refused = {kind: reason for kind in HEALTH_TYPES if (reason := client.refusal(kind))}
    for object_type, reason in refused.items():
        yield Check(
            f"HubSpot {object_type}",
            "todo",
            f"Left out, as {reason}: {HEALTH_COSTS[object_type]}.",
            "Add the scope under Settings > Integrations; everything else works without it.",
        )
    yield from _crm_settings(settings, client, has_deals="deals" not in refused)


def _crm_settings(settings: Settings, client: HubSpotClient, *, has_deals: bool) -> Iterator[Check]:
    """Look whether the portal has the properties and pipelines that the settings name."""
    crm = settings.crm
    for object_type, setting, wanted in (
        ("contacts", "nps_property", crm.nps_property),
        ("contacts", "csat_property", crm.csat_property),
        ("companies", "budget_property", crm.budget_property),
    ):
        if wanted and wanted not in client.properties(object_type):
            yield _unknown(object_type, f"property {wanted} (crm.{setting})")
    if crm.expansion_pipelines and has_deals:
        known = {str(row[name]).casefold() for row in client.pipelines("deals") for name in ("id", "label")}
        for name in crm.expansion_pipelines:
            if name.strip().casefold() not in known:
                yield _unknown("deals", f"pipeline {name} (crm.expansion_pipelines)")


def _unknown(object_type: str, what: str) -> Check:
    words = f"There is no {what}: nothing is read from it."
    return Check(
        f"HubSpot {object_type}", "todo", words, "Write the internal name that HubSpot shows for it."
    )


def _properties(settings: Settings, create: bool) -> Iterator[Check]:
    writer = HubSpotWriter(_hubspot_client(settings))
    seen, own = _seen_properties(settings), own_flags(settings)
    for object_type in (COMPANIES, TASKS):
        live = writer.properties(object_type)
        found = preflight(object_type, properties_of(object_type, own), live)
        if create and found.missing:
            yield from _mend(settings, writer, object_type, found.missing, live)
        else:
            yield from _missing(settings, object_type, found.missing, seen)
        yield from (Check(f"HubSpot {object_type}", "fail", one.message, one.hint) for one in found.blockers)


def _missing(
    settings: Settings, object_type: str, missing: Sequence[Definition], seen: set[str]
) -> Iterator[Check]:
    """Say what of ours a portal lacks."""
    name, by_now = f"HubSpot {object_type}", "with: saaskpi check --create-properties"
    lacking = [one.name for one in missing if one.action == "create"]
    narrow = [one.name for one in missing if one.action == "add_options"]
    gone = [one for one in lacking if f"{object_type}.{one}" in seen]
    if gone:
        words = f"Removed in HubSpot since we wrote them: {', '.join(gone)}."
        yield Check(name, "fail", words, f"Bring them back {by_now}")
    elif lacking and object_type == TASKS and (reason := _tasks_refused(settings)):
        yield _by_reference(reason)
    elif lacking:
        verb = "is" if len(lacking) == 1 else "are"
        words = f"{len(lacking)} of our properties {verb} not there yet."
        yield Check(name, "todo", words, f"Create them now {by_now}; the first apply does it too.")
    if narrow:
        words = f"Options are missing of {', '.join(narrow)}."
        yield Check(name, "todo", words, f"Add them now {by_now}; the next apply does it too.")
    if not missing:
        if object_type == TASKS and _tasks_refused(settings):
            _remember_tasks(settings, None)
        yield Check(name, "ok", "Every saaskpi property is there.")


def _mend(
    settings: Settings,
    writer: HubSpotWriter,
    object_type: str,
    missing: Sequence[Definition],
    live: Mapping[str, Mapping[str, Any]],
) -> Iterator[Check]:
    """Create the properties that a portal lacks, and add the options that they lack."""
    bodies = [one.body for one in missing if one.action == "create"]
    narrow = [one for one in missing if one.action == "add_options"]
    refused = _create(writer, object_type, bodies) if bodies else {}
    if bodies:
        yield Check(f"HubSpot {object_type}", "ok", f"Properties created: {len(bodies) - len(refused)}.")
    for one in narrow:
        there, new = live[one.name].get("options") or (), one.body["options"]
        outcome = writer.add_options(object_type, one.name, new, there)
        if outcome.ok:
            words = f"Options added to {one.name}: {', '.join(option['value'] for option in new)}."
            yield Check(f"HubSpot {object_type}", "ok", words)
        else:
            refused[one.name] = outcome.error or ""
    yield from _refused(settings, object_type, refused)


def _create(writer: HubSpotWriter, object_type: str, missing: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Create properties; return those that are refused, with the reason."""
    try:
        writer.create_group(object_type, GROUP, GROUP_LABEL)
    except RejectedError as error:
        return {str(body["name"]): error.message for body in missing}
    outcomes = writer.create_properties(object_type, missing)
    return {row.key: row.error or "" for row in outcomes if not row.ok}


def _refused(settings: Settings, object_type: str, refused: Mapping[str, str]) -> Iterator[Check]:
    """Say what was refused; whether tasks can have a unique key is remembered, since both ways work."""
    if object_type != TASKS:
        name = f"HubSpot {object_type}"
        yield from (Check(name, "fail", f"{one} was refused: {why}") for one, why in refused.items())
        return
    reason = refused.get(TASK_KEY)
    _remember_tasks(settings, reason)
    if reason is not None:
        yield _by_reference(reason)


def _remember_tasks(settings: Settings, refused: str | None) -> None:
    with Store.open(settings.store_at()) as store:
        store.allow_tasks() if refused is None else store.refuse_tasks(refused)


def _by_reference(reason: str) -> Check:
    return Check(
        "HubSpot tasks",
        "todo",
        f"HubSpot refuses a unique property on tasks ({reason}): a line in their body tells them apart.",
        "Tasks work without it. Allow one more unique property, then: saaskpi check --create-properties",
    )


def _tasks_refused(settings: Settings) -> str | None:
    if not settings.has_store():
        return None
    with Store.open(settings.store_at()) as store:
        return store.tasks_refused()


def _seen_properties(settings: Settings) -> set[str]:
    """Return ``object_type.name`` of the properties that an apply created or found."""
    if not settings.has_store():
        return set()
    with Store.open(settings.store_at()) as store:
        return {f"{row['object_type']}.{row['name']}" for row in store.set_up().to_dict("records")}


def _hubspot_client(settings: Settings) -> HubSpotClient:
    hubspot = settings.hubspot
    return HubSpotClient(settings.hubspot_token(), hubspot.api_base, hubspot.api_version)
