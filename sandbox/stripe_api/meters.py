"""Usage of a meter by one customer: ``/v1/billing/meters/{id}/event_summaries``."""

import hashlib
from collections.abc import Iterable
from typing import Any

from sandbox.stripe_api.errors import invalid_value, missing
from sandbox.stripe_api.objects import Objects, exists
from sandbox.stripe_api.params import Params, choice, integer, required, string

KIND = "billing.meter_event_summary"
MINUTE, HOUR, DAY = 60, 3600, 86400
WINDOWS = {"hour": HOUR, "day": DAY}


def event_summaries(objects: Objects, meter_id: str, params: Params) -> list[dict[str, Any]]:
    """The summaries in [start_time, end_time), newest first: one in all, or one per window that has usage.

    The company reports usage once a day, so that a day's usage is in the first hour (UTC) of the day.

    Args:
        objects: The store; its summaries are one per meter, customer and day.
        meter_id: The meter.
        params: ``customer``, ``start_time``, ``end_time`` (Unix seconds, on whole minutes, hours or days as
            the window demands) and optionally ``value_grouping_window``.

    Raises:
        ApiError: 404 for an unknown meter, 400 for a missing or senseless parameter.
    """
    meter = objects.get("billing.meter", meter_id)
    if meter is None:
        raise missing("billing.meter", meter_id)
    customer = string("customer", required(params, "customer"))
    if not exists(objects, "customer", customer):
        raise missing("customer", customer, param="customer", status=400)
    window = params.get("value_grouping_window")
    step = MINUTE if window is None else WINDOWS[choice("value_grouping_window", window, tuple(WINDOWS))]
    start, end = (_boundary(name, required(params, name), step) for name in ("start_time", "end_time"))
    if end <= start:
        raise invalid_value("end_time", "end_time must be after start_time.")
    days = [
        row
        for row in _daily(objects, customer)
        if row["meter"] == meter_id and start <= row["start_time"] < end
    ]
    if window is None:
        return [_summary(meter, customer, start, end, days)] if days else []
    spans = ((row, row["start_time"]) for row in reversed(days))
    return [_summary(meter, customer, begin, begin + step, [row]) for row, begin in spans]


def _daily(objects: Objects, customer: str) -> Iterable[dict[str, Any]]:
    rows = (objects.get(KIND, row_id) for row_id in objects.where(KIND, "customer", customer))
    return sorted((row for row in rows if row is not None), key=lambda row: row["start_time"])


def _boundary(name: str, value: Any, step: int) -> int:
    moment = integer(name, value)
    if moment % step:
        unit = {MINUTE: "minute", HOUR: "hour", DAY: "day"}[step]
        raise invalid_value(name, f"Timestamps must align with {unit} boundaries (UTC).")
    return moment


def _summary(
    meter: dict[str, Any], customer: str, start: int, end: int, rows: list[dict[str, Any]]
) -> dict[str, Any]:
    last = meter["default_aggregation"]["formula"] == "last"
    value = rows[-1]["aggregated_value"] if last else sum(row["aggregated_value"] for row in rows)
    digest = hashlib.sha256(f"{meter['id']}:{customer}:{start}:{end}".encode()).hexdigest()
    return {
        "id": f"mtrusg_test_{digest[:24]}",
        "object": KIND,
        "aggregated_value": value,
        "end_time": end,
        "livemode": False,
        "meter": meter["id"],
        "start_time": start,
    }
