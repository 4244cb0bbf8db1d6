"""A contact that is erased leaves no byte: landing, tables, snapshots, store, backups, files of the home."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import requests
from singer_sdk.singerlib import RecordMessage, SchemaMessage

from connectors.touched import Ref, Touched
from saaskpi.erasing import erase, finish_erasures
from saaskpi.errors import StoreError
from saaskpi.kept_plans import KeptPlans
from saaskpi.pipeline import Pipeline
from saaskpi.progress import Silent
from saaskpi.rereading import reread
from saaskpi.settings import Settings
from saaskpi.slicing import Concerned
from tests.support.canaries import (
    BILLED,
    CANARIES,
    EMAIL,
    FIRST,
    LAST,
    NOW,
    OTHER_EMAIL,
    PHONE,
    everything_in,
    plant_in,
)
from tests.support.spine import settings_for
from warehouse import purging
from warehouse.backup import back_up
from warehouse.deltas import Gone
from warehouse.patches import Patch, read_patch, table_bytes
from webhook_server.live import Live
from webhook_server.services import Services
from webhook_server.worker import Worker

if TYPE_CHECKING:
    from sandbox import Sandbox


def everything(home: Path) -> Iterator[tuple[str, str]]:
    """Return each file below a home with all that can be read in it, Parquet pages unpacked."""
    for path in sorted(home.rglob("*")):
        if path.is_file():
            yield str(path.relative_to(home)), path.read_bytes().decode("utf-8", "replace")
        if path.suffix == ".parquet":
            yield str(path.relative_to(home)), unpacked(path)
        if path.parent.name == "patches":
            for content in read_patch(path).tables.values():
                yield str(path.relative_to(home)), unpacked(io.BytesIO(content))


def unpacked(file: Any) -> str:
    return json.dumps(pq.read_table(file, partitioning=None).to_pylist(), default=str, ensure_ascii=False)


def where(home: Path, *canaries: str) -> dict[str, set[str]]:
    """Return in which files each canary is found, those that are nowhere left out."""
    found: dict[str, set[str]] = {}
    for name, text in everything(home):
        lower = text.lower()
        for canary in canaries:
            if canary.lower() in lower or json.dumps(canary.lower())[1:-1] in lower:
                found.setdefault(canary, set()).add(name)
    return found


class Portal:
    """The CRM side of the sandbox, over HTTP."""

    def __init__(self, sandbox: Sandbox) -> None:
        told = sandbox.describe()["hubspot"]
        self._base = told["api_base"]
        self._headers = {"Authorization": f"Bearer {told['access_token']}"}

    def post(self, path: str, body: Any) -> Any:
        answer = requests.post(f"{self._base}{path}", json=body, headers=self._headers, timeout=10)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def put(self, path: str) -> None:
        requests.put(f"{self._base}{path}", headers=self._headers, timeout=10).raise_for_status()

    def first(self, kind: str) -> str:
        answer = requests.get(f"{self._base}/crm/objects/2026-03/{kind}", headers=self._headers, timeout=10)
        return str(answer.json()["results"][0]["id"])

    def make(self, kind: str, to: tuple[tuple[str, str], ...] = (), **properties: str) -> str:
        made = self.post(f"/crm/objects/2026-03/{kind}", {"properties": properties})
        for other, other_id in to:
            self.put(f"/crm/objects/2026-03/{kind}/{made['id']}/associations/default/{other}/{other_id}")
        return str(made["id"])


def plant_in_portal(portal: Portal) -> tuple[str, str]:
    """Make the contact, what is linked to it and what only names it; return its id and its company's."""
    for name in ("hs_additional_emails", "mobilephone"):
        body = {"name": name, "label": name, "type": "string", "fieldType": "text"}
        portal.post("/crm/properties/2026-03/contacts", {**body, "groupName": "contactinformation"})
    company = portal.first("companies")
    names = {"firstname": FIRST, "lastname": LAST, "phone": PHONE}
    mails = {"email": EMAIL, "hs_additional_emails": f"{OTHER_EMAIL};zz@canary.example"}
    contact = portal.make("contacts", (("companies", company),), **names, **mails)
    links = (("contacts", contact), ("companies", company))
    when = {"hs_timestamp": "2026-10-30T10:00:00Z"}
    portal.make("calls", links, hs_call_title=f"{FIRST} rang about seats", **when)
    portal.make("meetings", links, hs_meeting_title=f"Lunch with Mrs {LAST}", **when)
    portal.make("emails", (("companies", company),), hs_email_subject=f"Fwd: {EMAIL.upper()} asks", **when)
    portal.make("calls", (), hs_call_title=f"{LAST}, {FIRST} on {PHONE.replace(' ', '-')}", **when)
    return contact, company


def plant_in_landing(pipeline: Pipeline, contact: str) -> None:
    """Land the contact in a delta too, with a rule about it and a row that does not fit."""
    schema = {"properties": {"id": {"type": "string"}, "properties": {"type": "object"}}}
    gone = [
        Gone("hubspot_contacts", "id", contact),
        Gone("hubspot_associations", "from_object_type+from_id", f"contacts+{contact}"),
    ]
    with pipeline.landing.begin_delta(NOW, gone) as writer:
        writer.write_message(SchemaMessage("hubspot_contacts", schema, ["id"]))
        for key in (contact, None):
            record = {"id": key, "properties": {"email": EMAIL, "lastname": LAST, "firstname": FIRST}}
            writer.write_message(RecordMessage("hubspot_contacts", record))


def plant_in_store(pipeline: Pipeline, contact: str) -> None:
    plant_in(pipeline.store, contact)


def plant_in_files(pipeline: Pipeline) -> None:
    home = pipeline.settings.home
    run = next((home / "marts").iterdir())
    day = next((home / "history").iterdir())
    notes = pa.table({"id": ["1", "2"], "words": [f"ask {FIRST} {LAST}", "fine"], "tags": [[EMAIL], []]})
    pq.write_table(notes, run / "notes.parquet")
    os.link(run / "notes.parquet", day / "notes.parquet")
    (home / "usage").mkdir(exist_ok=True)
    (home / "usage" / "events.jsonl").write_text(f'{{"user": "{EMAIL}"}}\n{{"user": "u_2"}}\n', "utf-8")
    (home / "plan.json").write_text(json.dumps({"subject": f"Call {FIRST} {LAST}"}), "utf-8")
    back_up(pipeline.store.engine, home / "backups", NOW)
    shutil.copy(next((home / "backups").iterdir()), home / "saaskpi.db.0002.backup")


@pytest.fixture(scope="module")
def home_of_all(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, str, str]:
    """A home with the contact everywhere, made once; with the contact's id and its company's."""
    from sandbox import Sandbox

    with Sandbox(customers=12, months=6, seed=7, rate_limits=False) as sandbox:
        contact, company = plant_in_portal(Portal(sandbox))
        settings = settings_for(sandbox, tmp_path_factory.mktemp("planted") / "home")
        pipeline = Pipeline(settings, lambda: NOW, Silent())
        pipeline.pull(full=True)
        pipeline.pull(full=True)
        pipeline.enrich()
        plant_in_landing(pipeline, contact)
        plant_in_store(pipeline, contact)
        plant_in_files(pipeline)
        pipeline.close()
    return settings, contact, company


@pytest.fixture
def planted(home_of_all: tuple[Settings, str, str], tmp_path: Path) -> Iterator[tuple[Pipeline, str, str]]:
    """A pipeline over a copy of that home."""
    settings, contact, company = home_of_all
    shutil.copytree(settings.home, tmp_path / "home")
    copied = settings.model_copy(update={"home": tmp_path / "home"})
    pipeline = Pipeline(copied, lambda: NOW, Silent())
    yield pipeline, contact, company
    pipeline.close()


@pytest.mark.slow
def test_no_byte_is_left_and_everything_else_stays(planted: tuple[Pipeline, str, str]) -> None:
    pipeline, contact, company = planted
    home = pipeline.settings.home
    planted_in = where(home, *CANARIES, contact)
    assert set(planted_in) == {*CANARIES, contact}
    assert len(set.union(*planted_in.values())) > 12
    rows = {stream: pipeline.landing.rows(stream) for stream in pipeline.landing.streams()}

    counted = erase(pipeline, [contact], dry_run=True)
    assert where(home, *CANARIES), "a dry run changes nothing"
    erased = erase(pipeline, [contact])

    assert where(home, *CANARIES, contact) == {}
    assert erased.finished
    assert erased.companies == {company}
    assert erased.places == counted.places
    after = {stream: pipeline.landing.rows(stream) for stream in pipeline.landing.streams()}
    changed = {stream: rows[stream] - after[stream] for stream in rows if rows[stream] != after[stream]}
    assert set(changed) == {"hubspot_contacts", "hubspot_associations"}
    assert changed["hubspot_contacts"] >= 1
    assert set(pd.read_parquet(next(home.glob("history/*/notes.parquet")))["words"]) == {
        "ask [erased]",
        "fine",
    }
    assert BILLED in str(everything_in(pipeline.store))
    pipeline.enrich()
    assert pipeline.accounts()
    assert erase(pipeline, [contact]).places == {}
    assert where(home, *CANARIES, contact) == {}


@pytest.mark.slow
def test_an_erasure_that_was_cut_short_is_carried_to_its_end(
    planted: tuple[Pipeline, str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline, contact, _ = planted
    pipeline.close()
    settings = pipeline.settings
    for number, cut in enumerate((1, 3, 7, 12)):
        home = tmp_path / f"cut{number}"
        shutil.copytree(settings.home, home)
        again = Pipeline(settings.model_copy(update={"home": home}), lambda: NOW, Silent())
        left = cut

        def breaks(path: Path) -> None:
            nonlocal left
            left -= 1
            if not left:
                raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr(purging, "sync_file", breaks)
            with pytest.raises((OSError, StoreError)):
                erase(again, [contact])
        assert where(home, *CANARIES), "so far only a part is gone"
        assert finish_erasures(again)
        again.close()
        assert where(home, *CANARIES, contact) == {}


def test_a_pull_that_began_before_is_waited_for(planted: tuple[Pipeline, str, str]) -> None:
    pipeline, contact, _ = planted
    home = pipeline.settings.home
    schema = {"properties": {"id": {"type": "string"}, "properties": {"type": "object"}}}
    with pipeline.landing.begin(NOW) as writer:
        writer.write_message(SchemaMessage("hubspot_contacts", schema, ["id"]))
        for one in (contact, "1"):
            record = {"id": one, "properties": {"email": EMAIL if one == contact else "a@b.example"}}
            writer.write_message(RecordMessage("hubspot_contacts", record))
        assert not erase(pipeline, [contact]).finished
        assert not finish_erasures(pipeline)
    assert where(home, EMAIL)
    assert finish_erasures(pipeline)
    assert where(home, *CANARIES, contact) == {}
    assert pipeline.landing.rows("hubspot_contacts") == 1
    assert finish_erasures(pipeline)


@pytest.mark.slow
def test_where_refreshes_ran_nothing_is_left_either(planted: tuple[Pipeline, str, str]) -> None:
    pipeline, contact, company = planted
    home = pipeline.settings.home
    pipeline.warm()
    pipeline._refresher.recompute(Concerned(companies=frozenset({company})))
    KeptPlans(home / "plans").keep(pipeline.plan())
    kept = next((home / "plans").iterdir())
    kept.write_text(kept.read_text().replace('"created_at"', f'"for": "{EMAIL}", "created_at"'))
    run = pipeline.marts.directory(str(pipeline.store.current_run()))
    said = pa.table({"account_id": ["1"], "words": [f"ask {FIRST} {LAST}"]})
    pipeline.marts.patch(Patch({"notes": table_bytes(said)}, {"notes": "account_id"}, {"account_id": ["1"]}))
    found = set.union(*where(home, *CANARIES, contact).values())
    folders = {Path(one).parts[0] for one in found}
    assert {"shelf", "plans", "raw"} <= folders
    assert any(Path(one).parent == run.relative_to(home) / "patches" for one in found)
    warm = pipeline._refresher
    elsewhere = Pipeline(pipeline.settings, lambda: NOW, Silent())
    elsewhere.warm()

    erased = erase(pipeline, [contact])

    assert where(home, *CANARIES, contact) == {}
    assert erased.places["shelf"] > 0
    assert erase(pipeline, [contact], dry_run=True).places == {}
    assert pipeline._refresher is not warm
    assert contact in str(vars(elsewhere._refresher._slicer._candidates))
    elsewhere.warm()
    assert contact not in str(vars(elsewhere._refresher._slicer._candidates))
    elsewhere.close()
    pipeline.warm()
    pipeline._refresher.recompute(Concerned(companies=frozenset({company})))
    assert where(home, *CANARIES, contact) == {}


def test_a_late_event_about_an_erased_contact_leaves_no_trace(
    sandbox: Sandbox, planted: tuple[Pipeline, str, str]
) -> None:
    pipeline, _, _ = planted
    gone = "987654321098"  # is in the home no more, and not in HubSpot either
    asked = Pipeline(settings_for(sandbox, pipeline.settings.home), lambda: NOW, Silent())
    late = frozenset({Ref("contacts", gone)})
    for touched in (Touched(hubspot=late, gone=late), Touched(erased=late)):
        found = reread(asked.landing, asked.stripe, asked.hubspot, touched, NOW)
        assert found.contacts == {gone}
    assert where(pipeline.settings.home, gone) == {}
    asked.close()


def test_a_privacy_deletion_that_comes_in_leaves_nothing(planted: tuple[Pipeline, str, str]) -> None:
    pipeline, contact, company = planted
    pipeline.close()
    services = Services(pipeline.settings, lambda: NOW)
    asked: list[Touched] = []

    def remember(touched: Touched) -> None:
        asked.append(touched)

    worker = Worker(Live(services), refresh=remember)
    worker.step()
    services.now = lambda: NOW + timedelta(minutes=1)
    worker.step()
    worker.stop()
    (touched,) = asked
    assert contact not in repr(touched)
    assert Ref("companies", company) in touched.hubspot
    assert where(pipeline.settings.home, *CANARIES, contact) == {}
    services.close()
