"""Calls that a change set costs, beside drt-core's HubSpot destination: ``python -m benchmarks.writes``.

Both write the same new MRR into the same companies of one sandbox, over HTTP, and the sandbox's own log is
counted. drt is handed every row each time, or just those that changed: its engine, which would find them, is
not run.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec
from drt.config.base import BearerAuth  # type: ignore[import-untyped]
from drt.config.models import HubSpotDestinationConfig, SyncOptions  # type: ignore[import-untyped]
from drt.destinations import hubspot as drt  # type: ignore[import-untyped]

from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.writer import HubSpotWriter
from connectors.rate_limiter import RateLimiter
from crm_sync.apply import apply
from crm_sync.definitions import PortalMemory
from crm_sync.guards import Allowed
from crm_sync.plan import PlanInputs, PlanSettings, build_plan
from crm_sync.properties import COMPANIES, FIELDS
from enrichment import money
from saaskpi.errors import AccessError
from sandbox import Sandbox
from tests.support.crm import FakeCrm, account, inputs_from, objects_frame, start_run
from warehouse.store import Store

PREFLIGHT = "portal id, definitions, probe of the scope"
KEY = {
    "name": "bench_key",
    "label": "Key",
    "type": "string",
    "fieldType": "text",
    "groupName": "saaskpi",
    "hasUniqueValue": True,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--companies", type=int, default=1000)
    parser.add_argument("--changed", type=int, nargs="*", default=[0, 1, 250, 1000])
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        Sandbox(customers=5, months=2, rate_limits=False) as sandbox,
        Store.open(Path(folder) / "store.db") as store,
    ):
        bench = Bench(sandbox, store, options.companies)
        print(f"{'changed':>8}  {'ours':>22}  {'drt, all rows':>14}  {'drt, changed':>14}")
        for changed in options.changed:
            ours = bench.ours(changed)
            rest = sum(ours.values()) - ours["batch/update"]
            row = f"{ours['batch/update']:>5} updates + {rest:>2} others"
            whole, diff = bench.drt(options.companies, "fail"), bench.drt(changed, "fail")
            print(f"{changed:>8}  {row:>22}  {whole:>14}  {diff:>14}", flush=True)
        revoked = [
            bench.ours_revoked(),
            *(bench.drt(250, on_error, "revoked") for on_error in ("fail", "skip")),
        ]
        print(f"Calls after the token was revoked: ours {revoked[0]}, drt {revoked[1]} (on_error: fail),")
        print(
            f"{revoked[2]} of 250 rows (on_error: skip). The others of ours: {PREFLIGHT}; none while fresh."
        )


class Bench:
    """A sandbox with so many companies that carry our values."""

    def __init__(self, sandbox: Sandbox, store: Store, companies: int) -> None:
        self._sandbox = sandbox
        self._store = store
        self._token: str = sandbox.describe()["hubspot"]["access_token"]
        self._writer = self._as(self._token)
        self._round = 0
        start_run(store)
        inputs = [
            {"properties": {"name": f"Company {number}", "domain": f"c{number}.example"}}
            for number in range(companies)
        ]
        path = "/crm/objects/2026-03/companies/batch/create"
        client = self._client(self._token)
        self._ids = [
            row["id"]
            for start in range(0, companies, 100)
            for row in client.http.post(path, {"inputs": inputs[start : start + 100]})[1]["results"]
        ]
        self._values: dict[str, dict[str, Any]] = {id_: {"name": "Company"} for id_ in self._ids}
        self.ours(companies)
        self._writer.create_properties(COMPANIES, [KEY])
        for _ in self._writer.update(COMPANIES, [(id_, {"bench_key": f"k{id_}"}) for id_ in self._ids]):
            pass

    def ours(self, changed: int) -> Counter[str]:
        """Plan and apply so many changes; return the calls by the end of their path."""
        plan_now = datetime.now(UTC)
        self._round += 1
        rows = [
            account(
                id_, number, mrr=100 * number + (self._round if number < changed else self._value_of(id_))
            )
            for number, id_ in enumerate(self._ids)
        ]
        for id_ in self._ids[:changed]:
            self._values[id_]["round"] = self._round
        inputs = self._inputs(rows, plan_now)
        plan = build_plan(inputs, PlanSettings(), money, plan_now)
        assert len(plan.updates) == changed, (len(plan.updates), changed)
        with self._calls() as calls:
            apply(plan, self._writer, self._store, lambda: datetime.now(UTC), allowed=Allowed(changed))
        return Counter("/".join(path.split("/")[-2:]) for path in calls)

    def _value_of(self, id_: str) -> int:
        return int(self._values[id_].get("round", 0))

    def _inputs(self, rows: Sequence[dict[str, Any]], now: datetime) -> PlanInputs:
        """What a pull just now gives to the plan."""
        client = self._client(self._token)
        names = [one.property.name for one in FIELDS]
        found = {
            row["id"]: {"name": "Company", **row["properties"]}
            for page in client.objects(COMPANIES, names)
            for row in page
            if row["id"] in self._values
        }
        crm = FakeCrm(definitions={COMPANIES: client.properties(COMPANIES, refresh=True), "tasks": {}})
        plain = inputs_from(crm, self._store, rows, pulled_at=now)
        portal = msgspec.structs.replace(plain.made_from, portal_id=self._writer.portal_id())
        return replace(
            plain, made_from=portal, companies=objects_frame(found, now), tasks_refused="not measured"
        )

    def ours_revoked(self) -> int:
        """Apply 250 changes with a token that is refused."""
        self._round += 1
        rows = [
            account(id_, number, mrr=100 * number + (self._round if number < 250 else self._value_of(id_)))
            for number, id_ in enumerate(self._ids)
        ]
        now = datetime.now(UTC)
        plan = build_plan(self._inputs(rows, now), PlanSettings(), money, now)
        with self._calls() as calls, contextlib.suppress(AccessError):
            apply(
                plan,
                self._as("revoked"),
                self._store,
                lambda: datetime.now(UTC),
                allowed=Allowed(250),
                memory=PortalMemory(),
            )
        return len(calls)

    def drt(self, rows: int, on_error: str, token: str | None = None) -> int:
        """Let drt-core write so many rows; return its calls."""
        config = HubSpotDestinationConfig(
            type="hubspot",
            object_type="companies",
            id_property="bench_key",
            auth=BearerAuth(type="bearer", token=token or self._token),
        )
        options = SyncOptions(match_policy="update_only", on_error=on_error, retry={"max_attempts": 1})
        records = [{"bench_key": f"k{id_}", "phone": "1"} for id_ in self._ids[:rows]]
        api = f"{self._sandbox.hubspot_url}/crm/objects/2026-03"
        unhurried = mock.Mock(acquire=lambda: None)
        with (
            self._calls() as calls,
            mock.patch.object(drt, "_HUBSPOT_API", api),
            mock.patch.object(drt, "resolve_rate_limiter", return_value=unhurried),
            contextlib.redirect_stdout(io.StringIO()),
        ):
            destination = drt.HubSpotDestination()
            for start in range(0, rows, options.batch_size):
                result = destination.load(records[start : start + options.batch_size], config, options)
                if result.failed and on_error == "fail":
                    break
        return len(calls)

    def _client(self, token: str) -> HubSpotClient:
        return HubSpotClient(token, self._sandbox.hubspot_url, limiter=RateLimiter(100_000))

    def _as(self, token: str) -> HubSpotWriter:
        return HubSpotWriter(self._client(token))

    @contextlib.contextmanager
    def _calls(self) -> Iterator[list[str]]:
        """Collect the paths of the calls that reach the sandbox."""
        self._sandbox.log.clear()
        calls: list[str] = []
        yield calls
        calls += [entry["path"] for entry in self._sandbox.log.entries("hubspot")]


if __name__ == "__main__":
    main()
