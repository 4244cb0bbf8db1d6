"""What facts are read from, where the data alone does not say: part of the health configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class FactSources:
    """Names of things in the user's own data.

    Attributes:
        core_events: the usage events that count as real use; empty means all of them.
        limits: plan (product name) to the most core events that it allows in 28 days.
        seat_products: products (ids or names) that are sold by the seat; empty: those whose unit label means
            people, and where an account's products have no unit label, whatever it buys several units of.
        events_property: HubSpot company property with the core events of the last 28 days.
        last_active_property: HubSpot company property with the time of the last use.
        nps_property: HubSpot contact property with an NPS answer, beside feedback submissions.
        csat_property: HubSpot contact property with a CSAT answer of 1 to 5.
        budget_property: HubSpot company property that is set when there is a budget for more.
        expansion_pipelines: ids or labels of the deal pipelines that hold expansion deals; empty: every open
            deal of type ``existingbusiness`` outside pipelines whose name says renewal.
    """

    core_events: tuple[str, ...] = ()
    limits: Mapping[str, float] = field(default_factory=dict)
    seat_products: tuple[str, ...] = ()
    events_property: str | None = None
    last_active_property: str | None = None
    nps_property: str | None = None
    csat_property: str | None = None
    budget_property: str | None = None
    expansion_pipelines: tuple[str, ...] = ()
