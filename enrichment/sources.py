"""Which streams and columns of the landing the models read, and the newest row of each record.

The landing may hold a record many times (one per pull) and may lack a column, or a whole stream, that the
account does not have. ``latest_sql`` evens both out, so that the staging models can rely on every column.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from enrichment.engine import EngineProtocol

_TEXT, _INT, _FLOAT, _BOOL, _JSON = "VARCHAR", "BIGINT", "DOUBLE PRECISION", "BOOLEAN", "JSON"
_MOMENT: Final = "TIMESTAMP"
_EPOCH: Final = "EPOCH"
"""Seconds since 1970, a BIGINT; what lies before 1970 or after 2100 is no date and reads as null."""
LAST_EPOCH: Final = 4_102_444_800
"""Midnight of 1 January 2100."""
_ISO_TIME: Final = (
    "^(19[7-9][0-9]|20[0-9][0-9])-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    "T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]+)?Z$"
)
"""A time between 1970 and 2100 as the landing writes it, in UTC."""


@dataclass(frozen=True, slots=True)
class Source:
    """One stream of the landing as the models read it.

    Attributes:
        stream: the stream's and the landing table's name.
        columns: column name to portable SQL type, or ``EPOCH``.
        key: the primary key.
        properties: of a HubSpot object, those that the models read: name to VARCHAR or TIMESTAMP (UTC). Each
            becomes a column, so that the bodies of calls and e-mails never enter the models.
        parts: texts out of JSON columns that are not read whole: name to the column and the path in it.
    """

    stream: str
    columns: Mapping[str, str]
    key: tuple[str, ...] = ("id",)
    properties: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def _source(stream: str, key: tuple[str, ...] = ("id",), **columns: str) -> Source:
    return Source(stream, {**dict.fromkeys(key, _TEXT), **columns}, key)


def _hubspot(stream: str, **properties: str) -> Source:
    """Declare HubSpot objects of which only some properties are read."""
    columns = {"id": _TEXT, "createdAt": _MOMENT, "updatedAt": _MOMENT, "archived": _BOOL}
    return Source(stream, {**columns, "unfit_properties": _JSON}, properties=properties)


_DECLARED: Final = (
    _source(
        "stripe_customers",
        name=_TEXT,
        email=_TEXT,
        currency=_TEXT,
        created=_EPOCH,
        discount=_JSON,
        invoice_settings=_JSON,
        metadata=_JSON,
    ),
    _source(
        "stripe_subscriptions",
        customer=_TEXT,
        status=_TEXT,
        currency=_TEXT,
        created=_EPOCH,
        start_date=_EPOCH,
        collection_method=_TEXT,
        trial_start=_EPOCH,
        trial_end=_EPOCH,
        cancel_at=_EPOCH,
        cancel_at_period_end=_BOOL,
        canceled_at=_EPOCH,
        ended_at=_EPOCH,
        pause_collection=_JSON,
        cancellation_details=_JSON,
        default_payment_method=_TEXT,
        discounts=_JSON,
        default_tax_rates=_JSON,
    ),
    _source(
        "stripe_subscription_items",
        subscription=_TEXT,
        created=_EPOCH,
        quantity=_INT,
        price=_JSON,
        discounts=_JSON,
        tax_rates=_JSON,
        current_period_start=_EPOCH,
        current_period_end=_EPOCH,
    ),
    _source("stripe_products", name=_TEXT, unit_label=_TEXT),
    _source(
        "stripe_prices",
        product=_TEXT,
        currency=_TEXT,
        billing_scheme=_TEXT,
        unit_amount=_INT,
        unit_amount_decimal=_TEXT,
        tiers_mode=_TEXT,
        tiers=_JSON,
        recurring=_JSON,
        transform_quantity=_JSON,
        currency_options=_JSON,
    ),
    _source(
        "stripe_coupons",
        name=_TEXT,
        percent_off=_FLOAT,
        amount_off=_INT,
        currency=_TEXT,
        duration=_TEXT,
        created=_EPOCH,
        applies_to=_JSON,
        currency_options=_JSON,
    ),
    _source("stripe_discounts", source=_JSON, start=_EPOCH, end=_EPOCH),
    _source(
        "stripe_invoices",
        customer=_TEXT,
        status=_TEXT,
        currency=_TEXT,
        created=_EPOCH,
        due_date=_EPOCH,
        collection_method=_TEXT,
        attempt_count=_INT,
        next_payment_attempt=_EPOCH,
        attempted=_BOOL,
        amount_due=_INT,
        amount_paid=_INT,
        amount_remaining=_INT,
        total=_INT,
        parent=_JSON,
        status_transitions=_JSON,
        auto_advance=_BOOL,
        billing_reason=_TEXT,
        discounts=_JSON,
        payments=_JSON,
        post_payment_credit_notes_amount=_INT,
    ),
    _source(
        "stripe_invoice_lines",
        invoice=_TEXT,
        amount=_INT,
        quantity=_INT,
        currency=_TEXT,
        discounts=_JSON,
        discount_amounts=_JSON,
        parent=_JSON,
        period=_JSON,
        pricing=_JSON,
    ),
    Source(
        "stripe_charges",
        {
            "id": _TEXT,
            "customer": _TEXT,
            "amount": _INT,
            "amount_refunded": _INT,
            "currency": _TEXT,
            "created": _EPOCH,
            "status": _TEXT,
            "payment_intent": _TEXT,
            "payment_method": _TEXT,
        },
        parts={
            "method_type": ("payment_method_details", "type"),
            **{
                f"card_{name}": ("payment_method_details", "card", name)
                for name in ("brand", "last4", "exp_year", "exp_month")
            },
        },
    ),
    _source("stripe_events", type=_TEXT, created=_EPOCH, data=_JSON),
    _source("stripe_meters", event_name=_TEXT),
    _source(
        "stripe_meter_event_summaries",
        ("meter", "customer", "start_time"),
        id=_TEXT,
        start_time=_EPOCH,
        end_time=_EPOCH,
        aggregated_value=_FLOAT,
    ),
    _source("hubspot_companies", createdAt=_MOMENT, updatedAt=_MOMENT, archived=_BOOL, properties=_JSON),
    _source(
        "hubspot_contacts",
        createdAt=_MOMENT,
        updatedAt=_MOMENT,
        archived=_BOOL,
        properties=_JSON,
        unfit_properties=_JSON,
    ),
    _source("hubspot_owners", firstName=_TEXT, lastName=_TEXT, email=_TEXT, archived=_BOOL),
    _hubspot(
        "hubspot_calls",
        hs_timestamp=_MOMENT,
        hs_call_disposition=_TEXT,
        hs_call_status=_TEXT,
        hs_call_duration=_TEXT,
    ),
    _hubspot("hubspot_emails", hs_timestamp=_MOMENT, hs_email_direction=_TEXT),
    _hubspot(
        "hubspot_meetings",
        hs_timestamp=_MOMENT,
        hs_meeting_start_time=_MOMENT,
        hs_meeting_end_time=_MOMENT,
        hs_meeting_outcome=_TEXT,
    ),
    _hubspot("hubspot_notes", hs_timestamp=_MOMENT),
    _hubspot(
        "hubspot_tickets",
        createdate=_MOMENT,
        closed_date=_MOMENT,
        hs_pipeline=_TEXT,
        hs_pipeline_stage=_TEXT,
        hs_ticket_priority=_TEXT,
    ),
    _hubspot(
        "hubspot_feedback_submissions",
        hs_survey_type=_TEXT,
        hs_value=_TEXT,
        hs_response_group=_TEXT,
        hs_submission_timestamp=_MOMENT,
    ),
    _hubspot(
        "hubspot_deals",
        dealname=_TEXT,
        dealtype=_TEXT,
        pipeline=_TEXT,
        dealstage=_TEXT,
        amount=_TEXT,
        deal_currency_code=_TEXT,
        hs_is_closed=_TEXT,
        hs_v2_date_entered_current_stage=_MOMENT,
    ),
    _source(
        "hubspot_associations",
        ("from_object_type", "from_id", "to_object_type", "to_id", "type_id"),
        category=_TEXT,
        label=_TEXT,
    ),
    _source("hubspot_pipelines", ("object_type", "id"), label=_TEXT, stages=_JSON, archived=_BOOL),
)
_BY_STREAM: Final = {source.stream: source for source in _DECLARED}
SOURCES: Final[tuple[str, ...]] = tuple(_BY_STREAM)
"""The streams that the models read; a pull for an enrichment selects only these."""


def latest_sql(stream: str, present: Collection[str]) -> str:
    """Return the SELECT of the newest row per record of ``stream``, every declared column there and typed.

    Args:
        stream: one of ``SOURCES``.
        present: the columns that the landing table has; empty when there is no such table.

    A record counts once, however often it was pulled: the row with the highest ``_seq`` stands.
    """
    source = _BY_STREAM[stream]
    columns = [_column(name, sql_type, present) for name, sql_type in source.columns.items()]
    columns += [_property(name, sql_type, present) for name, sql_type in source.properties.items()]
    columns += [_quoted(name) for name in source.parts]
    chosen = ", ".join([*columns, _odd_dates(source, present)])
    # Parts are taken before the ranking, so that it does not carry the whole of what they are parts of.
    parts = "".join(f", {_part(path, present)} AS {_quoted(name)}" for name, path in source.parts.items())
    if not present:
        return f"SELECT {chosen} FROM (SELECT 1 AS nothing{parts}) none_landed WHERE 1 = 0"
    key = ", ".join(_quoted(name) for name in source.key)
    return (
        f"SELECT {chosen} FROM (SELECT landed.*{parts}, "
        f"ROW_NUMBER() OVER (PARTITION BY {key} ORDER BY _seq DESC) AS row_rank FROM {source.stream} landed) "
        "ranked WHERE row_rank = 1"
    )


def record_key(stream: str) -> tuple[str, ...]:
    """Return the columns that tell one record of a stream from another."""
    return _BY_STREAM[stream].key


def landed_columns(stream: str) -> tuple[str, ...]:
    """Return the columns of a landed stream that the models read, ``_seq`` too; not each has to be there."""
    source = _BY_STREAM[stream]
    within = ("properties",) if source.properties else ()
    heads = (path[0] for path in source.parts.values())
    return tuple(dict.fromkeys([*source.columns, *within, *heads, "_seq"]))


def take_newest(engine: EngineProtocol, streams: Iterable[str]) -> None:
    """Leave ``latest_STREAM`` of each stream.

    Args:
        engine: holds the landed streams; one that is missing counts as empty.
        streams: of ``SOURCES``.
    """
    for stream in streams:
        engine.run(f"latest_{stream}", latest_sql(stream, engine.columns(stream)))


def odd_dates_sql() -> str:
    """Return the SELECT of (stream, id, reason) of every newest record with a date that is none."""
    reason = "'No date between 1970 and 2100:' || odd_dates || '.'"
    return " UNION ALL ".join(
        f"SELECT '{source.stream}' AS stream, id, {reason} AS reason "
        f"FROM latest_{source.stream} WHERE odd_dates <> ''"
        for source in _DECLARED
        if _EPOCH in source.columns.values()
    )


def _column(name: str, sql_type: str, present: Collection[str]) -> str:
    value = _quoted(name) if name in present else "NULL"
    if sql_type != _EPOCH:
        return f"CAST({value} AS {sql_type}) AS {_quoted(name)}"
    number = f"CAST({value} AS BIGINT)"
    return f"CASE WHEN {number} BETWEEN 0 AND {LAST_EPOCH} THEN {number} END AS {_quoted(name)}"


def _property(name: str, sql_type: str, present: Collection[str]) -> str:
    """Return a HubSpot property as a column, null where it is empty or a time that is none."""
    if "properties" not in present:
        return f"CAST(NULL AS {sql_type}) AS {_quoted(name)}"
    value = f"NULLIF((CAST(properties AS JSON) ->> '{name}'), '')"
    if sql_type == _MOMENT:
        value = f"CASE WHEN {value} ~ '{_ISO_TIME}' THEN {value} END"
    return f"CAST({value} AS {sql_type}) AS {_quoted(name)}"


def _part(path: tuple[str, ...], present: Collection[str]) -> str:
    """Return a text out of a JSON column, null where it is not there."""
    column, *steps, last = path
    if column not in present:
        return "CAST(NULL AS VARCHAR)"
    value = f"CAST({_quoted(column)} AS JSON)"
    for step in steps:
        value = f"({value} -> '{step}')"
    return f"({value} ->> '{last}')"


def _odd_dates(source: Source, present: Collection[str]) -> str:
    """Return the column that names the dates that are none."""
    found = [
        f"CASE WHEN CAST({_quoted(name)} AS BIGINT) NOT BETWEEN 0 AND {LAST_EPOCH} THEN ' {name}' ELSE '' END"
        for name, sql_type in source.columns.items()
        if sql_type == _EPOCH and name in present
    ]
    return f"{' || '.join(found) or repr('')} AS odd_dates"


def _quoted(name: str) -> str:
    return f'"{name}"'
