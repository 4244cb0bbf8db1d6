"""Properties that HubSpot works out itself when a record is read."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from sandbox.crm.directory import STAGES
from sandbox.crm.records import Record

if TYPE_CHECKING:
    from sandbox.crm.store import Crm

Calculation = Callable[["Crm", Record], str | None]

_TOUCHES = ("calls", "emails", "meetings")


def _count_of(from_type: str, to_type: str) -> Calculation:
    def count(crm: "Crm", record: Record) -> str:
        return str(len({to_id for to_id, _type in crm.links.of((from_type, to_type), record.id)}))

    return count


def _open_deals(crm: "Crm", record: Record) -> str:
    deals = {to_id for to_id, _type in crm.links.of(("companies", "deals"), record.id)}
    stages = (crm.tables["deals"].rows[deal].properties.get("dealstage", "") for deal in deals)
    return str(sum(1 for stage in stages if not _is_closed("deals", stage)))


def _last_touch_of(from_type: str) -> Calculation:
    def last_touch(crm: "Crm", record: Record) -> str | None:
        times = [
            crm.tables[kind].rows[to_id].properties.get("hs_timestamp", "")
            for kind in _TOUCHES
            for to_id, _type in crm.links.of((from_type, kind), record.id)
        ]
        return max(times, default=None)

    return last_touch


def _primary_company(crm: "Crm", record: Record) -> str | None:
    company = crm.links.primary(("contacts", "companies"), record.id)
    return None if company is None else str(company)


def _is_closed(kind: str, stage_id: str) -> bool:
    stage = STAGES[kind].get(stage_id)
    return stage is not None and stage.closed


def _deal_closed(_crm: "Crm", record: Record) -> str:
    return str(_is_closed("deals", record.properties.get("dealstage", ""))).lower()


def _deal_won(_crm: "Crm", record: Record) -> str:
    return str(record.properties.get("dealstage", "").endswith("closedwon")).lower()


def _deal_probability(_crm: "Crm", record: Record) -> str | None:
    stage = STAGES["deals"].get(record.properties.get("dealstage", ""))
    return stage.probability if stage else None


CALCULATED: Mapping[str, Mapping[str, Calculation]] = {
    "companies": {
        "num_associated_contacts": _count_of("companies", "contacts"),
        "num_associated_deals": _count_of("companies", "deals"),
        "hs_num_open_deals": _open_deals,
        "notes_last_contacted": _last_touch_of("companies"),
    },
    "contacts": {
        "associatedcompanyid": _primary_company,
        "num_associated_deals": _count_of("contacts", "deals"),
        "notes_last_contacted": _last_touch_of("contacts"),
    },
    "deals": {
        "hs_is_closed": _deal_closed,
        "hs_is_closed_won": _deal_won,
        "hs_deal_stage_probability": _deal_probability,
        "num_associated_contacts": _count_of("deals", "contacts"),
    },
}
"""For each object type, the calculated properties and how they come about."""
