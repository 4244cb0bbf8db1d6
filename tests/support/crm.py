"""A CRM in memory behind the writer's protocol, and small frames to plan from."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from crm_sync.plan import MadeFrom, PlanInputs
from crm_sync.properties import COMPANIES, TASK_KEY, TASKS, definitions
from saaskpi.errors import RejectedError, UnavailableError
from warehouse.store import Store

NOW = datetime(2026, 10, 30, 8, 0, tzinfo=UTC)  # a Friday
PORTAL = "4711"
BATCH = 100


@dataclass(frozen=True)
class Outcome:
    key: str
    ok: bool
    object_id: str | None = None
    error: str | None = None


@dataclass
class FakeCrm:
    """Companies, tasks and properties; ``fail_at`` cuts the line at the nth call, ``after`` it is done.

    ``today`` is when tasks are completed; ``unlisted`` tasks do not show among those of their company yet.
    """

    companies: dict[str, dict[str, str]] = field(default_factory=dict)
    tasks: dict[str, dict[str, str]] = field(default_factory=dict)
    links: set[tuple[str, str]] = field(default_factory=set)
    definitions: dict[str, dict[str, dict[str, Any]]] = field(
        default_factory=lambda: {COMPANIES: {}, TASKS: {}}
    )
    groups: set[tuple[str, str]] = field(default_factory=set)
    bad_companies: dict[str, str] = field(default_factory=dict)
    refuses_unique: bool = False
    portal: str = PORTAL
    calls: list[str] = field(default_factory=list)
    unlisted: set[str] = field(default_factory=set)
    today: str | None = None
    ticks: int = 0
    fail_at: int | None = None
    after: bool = False

    @property
    def writes(self) -> list[str]:
        return [
            call for call in self.calls if call not in ("portal_id", "properties", "probe", "read", "linked")
        ]

    def call(self, name: str) -> bool:
        """Note a call; True when its answer is to be lost after it was carried out."""
        self.calls.append(name)
        broken = len(self.calls) == self.fail_at
        if broken and not self.after:
            raise UnavailableError("HubSpot does not answer.")
        return broken

    def answer(self, lost: bool) -> None:
        if lost:
            raise UnavailableError("HubSpot does not answer.")

    def portal_id(self) -> str:
        self.answer(self.call("portal_id"))
        return self.portal

    def properties(self, object_type: str) -> Mapping[str, Mapping[str, Any]]:
        self.answer(self.call("properties"))
        return self.definitions[object_type]

    def probe(self, object_type: str) -> None:
        self.answer(self.call("probe"))

    def create_group(self, object_type: str, name: str, label: str) -> bool:
        lost = self.call("create_group")
        new = (object_type, name) not in self.groups
        self.groups.add((object_type, name))
        self.answer(lost)
        return new

    def create_properties(self, object_type: str, bodies: Sequence[Mapping[str, Any]]) -> Sequence[Outcome]:
        lost = self.call("create_properties")
        outcomes = []
        for body in bodies:
            assert (object_type, body["groupName"]) in self.groups
            name = str(body["name"])
            if body.get("hasUniqueValue") and self.refuses_unique:
                outcomes.append(Outcome(name, ok=False, error="limit of unique properties reached"))
            else:
                self.definitions[object_type][name] = dict(body)
                outcomes.append(Outcome(name, ok=True))
        self.answer(lost)
        return outcomes

    def add_options(
        self,
        object_type: str,
        name: str,
        options: Sequence[Mapping[str, Any]],
        there: Sequence[Mapping[str, Any]],
    ) -> Outcome:
        lost = self.call("add_options")
        self.definitions[object_type][name]["options"] = [*there, *options]
        self.answer(lost)
        return Outcome(name, ok=True)

    def archive(self, object_type: str, ids: Sequence[str]) -> Iterator[Sequence[Outcome]]:
        assert object_type == TASKS
        for batch in _batches(ids):
            lost = self.call("archive")
            for id_ in batch:
                self.tasks.pop(id_, None)
            self.links = {link for link in self.links if link[0] not in batch}
            self.answer(lost)
            yield [Outcome(id_, ok=True, object_id=id_) for id_ in batch]

    def update(
        self, object_type: str, inputs: Sequence[tuple[str, Mapping[str, str]]]
    ) -> Iterator[Sequence[Outcome]]:
        change = {COMPANIES: self._update, TASKS: self._update_task}[object_type]
        for batch in _batches(inputs):
            lost = self.call("update")
            outcomes = [change(id_, values) for id_, values in batch]
            self.answer(lost)
            yield outcomes

    def _update(self, id_: str, values: Mapping[str, str]) -> Outcome:
        unknown = [name for name in values if name not in self.definitions[COMPANIES]]
        if unknown or id_ in self.bad_companies:
            return Outcome(id_, ok=False, error=self.bad_companies.get(id_, f"no property {unknown}"))
        self.companies[id_].update(values)
        return Outcome(id_, ok=True, object_id=id_)

    def upsert(
        self, object_type: str, id_property: str, inputs: Sequence[tuple[str, Mapping[str, str]]]
    ) -> Iterator[Sequence[Outcome]]:
        assert (object_type, id_property) == (TASKS, TASK_KEY)
        assert self.definitions[TASKS][TASK_KEY]["hasUniqueValue"]
        for batch in _batches(inputs):
            lost = self.call("upsert")
            outcomes = []
            for key, values in batch:
                found = next((id_ for id_, task in self.tasks.items() if task.get(TASK_KEY) == key), None)
                outcomes.append(Outcome(key, ok=True, object_id=self.put_task(found, values)))
            self.answer(lost)
            yield outcomes

    def associate(
        self, from_type: str, to_type: str, type_id: int, pairs: Sequence[tuple[str, str]]
    ) -> Iterator[Sequence[Outcome]]:
        assert (from_type, to_type, type_id) == (TASKS, COMPANIES, 192)
        for batch in _batches(pairs):
            lost = self.call("associate")
            self.links |= set(batch)
            self.answer(lost)
            yield [Outcome(f"{a}:{b}", ok=True) for a, b in batch]

    # Tasks

    def put_task(self, id_: str | None, values: Mapping[str, str]) -> str:
        """Make or change a task, by whomever, with the times that HubSpot keeps."""
        id_ = id_ or str(max([8999, *map(int, self.tasks)]) + 1)
        self.ticks += 1
        at = (NOW + timedelta(seconds=self.ticks)).isoformat()
        task = self.tasks.setdefault(id_, {})
        if values.get("hs_task_status") == "COMPLETED" != task.get("hs_task_status"):
            task["hs_task_completion_date"] = self.today or at
        task.update(values, hs_lastmodifieddate=at)
        return id_

    def _update_task(self, id_: str, values: Mapping[str, str]) -> Outcome:
        if id_ not in self.tasks:
            return Outcome(id_, ok=False, error="no such task")
        return Outcome(id_, ok=True, object_id=self.put_task(id_, values))

    def read(
        self, object_type: str, ids: Sequence[str], names: Sequence[str], id_property: str | None = None
    ) -> dict[str, dict[str, str]]:
        objects = {COMPANIES: self.companies, TASKS: self.tasks}[object_type]
        for _ in _batches(ids):
            self.answer(self.call("read"))
        asked = {id_: one.get(id_property, "") if id_property else id_ for id_, one in objects.items()}
        return {
            asked[id_]: {**{name: one.get(name, "") for name in names}, "hs_object_id": id_}
            for id_, one in objects.items()
            if asked[id_] in ids
        }

    def linked(self, from_type: str, to_type: str, ids: Sequence[str]) -> dict[str, list[str]]:
        assert (from_type, to_type) == (COMPANIES, TASKS)
        self.answer(self.call("linked"))
        seen = [(task, company) for task, company in sorted(self.links) if task not in self.unlisted]
        return {id_: [task for task, company in seen if company == id_] for id_ in ids}

    def create(
        self,
        object_type: str,
        to_type: str,
        type_id: int,
        inputs: Sequence[tuple[str, Mapping[str, str], str]],
    ) -> Iterator[Sequence[Outcome]]:
        assert (object_type, to_type, type_id) == (TASKS, COMPANIES, 192)
        for batch in _batches(inputs):
            lost = self.call("create")
            outcomes = []
            for key, values, company_id in batch:
                id_ = self.put_task(None, values)
                self.links.add((id_, company_id))
                outcomes.append(Outcome(key, ok=True, object_id=id_))
            self.answer(lost)
            yield outcomes

    def refuse_group(self, *_: object) -> bool:
        raise RejectedError("no custom groups on tasks")


def _batches(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]


def account(company_id: str | None, number: int = 1, **changes: Any) -> dict[str, Any]:
    """One row of the accounts table; ``number`` tells customers and amounts apart."""
    customer = f"cus_{number}"
    row: dict[str, Any] = {
        "account_id": company_id or customer,
        "name": f"Company {number}",
        "company_id": company_id,
        "owner_id": "7",
        "stripe_customer_ids": [customer],
        "match_rule": "domain" if company_id else None,
        "currency": "eur",
        "mrr": 12_900 + number,
        "arr": 12 * (12_900 + number),
        "contract_mrr": 12_900 + number,
        "mrr_by_currency": json.dumps({"eur": 12_900 + number}),
        "scheduled_churn_mrr": 0,
        "cltv": 310_000,
        "mrr_change_12m": 0.25,
        "plan": "Team",
        "customer_since": pd.Timestamp("2024-03-01"),
        "renewal_date": pd.Timestamp("2027-03-01"),
        "status": "active",
        "health_score": 81,
        "health_band": "green",
        "health_coverage": 60,
        "health_reasons": "pays on time",
        "health_reasons_fr": "paie à temps",
        "risk_flags": ["payment_failed"],
        "opportunity_flags": [],
    }
    return {**row, **changes}


def flag(account_id: str, name: str = "payment_failed", severity: str = "high") -> dict[str, Any]:
    return {
        "account_id": account_id,
        "flag": name,
        "kind": "risk",
        "severity": severity,
        "evidence_en": "Invoice in_1 failed twice.",
        "evidence_fr": "La facture in_1 a échoué deux fois.",
    }


def episode(
    account_id: str, name: str = "payment_failed", number: str = "2026-10-31", closed: bool = False
) -> dict[str, Any]:
    return {
        "account_id": account_id,
        "flag": name,
        "episode": number,
        "opened_at": NOW,
        "last_seen_at": NOW,
        "closed_at": NOW if closed else None,
        "severity": "high",
    }


EPISODE_COLUMNS = ["account_id", "flag", "episode", "opened_at", "last_seen_at", "closed_at", "severity"]
FLAG_COLUMNS = ["account_id", "flag", "kind", "severity", "evidence_en", "evidence_fr"]


def episodes_frame(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=EPISODE_COLUMNS)
    for column in ("opened_at", "last_seen_at", "closed_at"):
        frame[column] = pd.to_datetime(frame[column], utc=True)
    return frame


def inputs_from(
    crm: FakeCrm,
    store: Store,
    accounts: Sequence[Mapping[str, Any]],
    flags: Sequence[Mapping[str, Any]] = (),
    *,
    run_id: str = "run-1",
    pulled_at: datetime = NOW,
) -> PlanInputs:
    """What a pull of this CRM just now, and the store, give to the plan."""
    rows = [
        {"object_type": kind, "name": name, **body, "options": json.dumps(body.get("options", []))}
        for kind, bodies in crm.definitions.items()
        for name, body in bodies.items()
    ]
    definition_columns = ["object_type", "name", "type", "archived", "hasUniqueValue", "options"]
    return PlanInputs(
        made_from=MadeFrom(run_id, 1, PORTAL),
        accounts=pd.DataFrame(accounts, columns=list(account("1"))),
        flags=pd.DataFrame(flags, columns=FLAG_COLUMNS),
        episodes=store.flag_episodes(),
        matches=pd.DataFrame(columns=["customer_id", "company_id", "rule", "candidates"]),
        items=pd.DataFrame({"customer_id": ["cus_1", "cus_1", "cus_1"], "mrr": [100, 200, 0]}),
        companies=objects_frame(crm.companies, pulled_at),
        pushed=store.pushed(COMPANIES),
        intended=store.intended(COMPANIES),
        definitions=pd.DataFrame(rows, columns=definition_columns),
        definitions_pulled_at=pulled_at,
        owners=pd.DataFrame({"id": ["7", "8"], "archived": [False, True]}),
        tasks=objects_frame(crm.tasks),
        task_ledger=store.task_ledger(),
        set_up=store.set_up(),
        tasks_refused=store.tasks_refused(),
    )


def objects_frame(objects: Mapping[str, Mapping[str, Any]], read_at: datetime = NOW) -> pd.DataFrame:
    rows = [
        {"id": id_, "archived": False, "properties": json.dumps(dict(values)), "read_at": read_at}
        for id_, values in objects.items()
    ]
    return pd.DataFrame(rows, columns=["id", "archived", "properties", "read_at"])


def at(moment: datetime) -> Callable[[], datetime]:
    """A clock that stands still."""
    return lambda: moment


def ready_crm(*company_ids: str) -> FakeCrm:
    """A CRM in which our properties are set up."""
    crm = FakeCrm(companies={id_: {"name": f"Company {id_}"} for id_ in company_ids})
    for kind in (COMPANIES, TASKS):
        crm.groups.add((kind, "saaskpi"))
        crm.definitions[kind] = {body["name"]: body for body in definitions(kind)}
    return crm


@cache
def _empty_store() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        Store.open(path).close()
        return path.read_bytes()


def open_store(path: Path) -> Store:
    """A new store, from a copy: making one from the migrations takes half a second."""
    path.write_bytes(_empty_store())
    return Store.open(path)


def start_run(store: Store, episodes: Sequence[Mapping[str, Any]] = (), run_id: str = "run-1") -> None:
    store.begin_run(run_id, NOW, NOW, 1)
    store.finish_run(run_id, NOW, {}, episodes_frame(episodes))
