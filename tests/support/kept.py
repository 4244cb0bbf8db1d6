"""Companies that were pulled, computed and written to their CRM once, to begin from as often as wanted.

A sandbox of the same options is the same company, and the same writes leave the same CRM. So it is enough to
keep a home and the writes that led to it: they are played into a new sandbox, whose clock goes on from there.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from saaskpi.pipeline import Pipeline
from saaskpi.progress import Silent
from saaskpi.settings import Settings
from sandbox.request_log import is_write
from tests.support.spine import settings_for
from warehouse.files import FileLock

if TYPE_CHECKING:
    from sandbox import Sandbox
    from sandbox.request_log import Exchange

STAGES = ("pull", "enrich", "apply")
COMMON = {"customers": 20, "months": 12}
LARGER = {"customers": 60, "months": 24}
_SEARCHABLE = 4_000
"""Milliseconds after which the sandbox's search shows every write."""


@dataclass(frozen=True)
class Write:
    """A call that may have changed the CRM, with the status of its answer; ``at`` by the CRM's clock."""

    method: str
    path: str
    body: str
    status: int
    at: int


class Kept:
    """Companies by their options and by how far they were brought, kept in a folder.

    Args:
        folder: the processes of one test run may share it.
        make: starts a sandbox.
    """

    def __init__(self, folder: Path, make: Callable[..., Sandbox]) -> None:
        self._folder = folder
        self._make = make

    def begin(self, home: Path, upto: str = "apply", **company: Any) -> tuple[Sandbox, Settings]:
        """Return a running sandbox whose home has been brought as far as a stage.

        Args:
            home: is made.
            upto: the last stage that was run: pull, enrich or apply.
            company: options of the sandbox; by default the company that most tests share.
        """
        company = company or COMMON
        kept = self.copy(home, upto, **company)
        sandbox = self._make(**company)
        play(sandbox, [Write(**one) for one in json.loads((kept / "writes.json").read_text("utf-8"))])
        return sandbox, settings_for(sandbox, home)

    def copy(self, home: Path, upto: str, **company: Any) -> Path:
        """Copy such a home alone; return where it is kept."""
        kept = self._kept(upto, company or COMMON)
        shutil.copytree(kept / "home", home)
        return kept

    def _kept(self, upto: str, company: dict[str, Any]) -> Path:
        options = json.dumps([upto, company], sort_keys=True, default=str)
        kept = self._folder / hashlib.sha256(options.encode()).hexdigest()[:16]
        lock = FileLock(self._folder / f"{kept.name}.lock")
        lock.acquire(wait=True)
        try:
            if not (kept / "writes.json").exists():
                self._bring(kept, upto, company)
        finally:
            lock.release()
        return kept

    def _bring(self, kept: Path, upto: str, company: dict[str, Any]) -> None:
        """Begin from the stage before, so that each stage is run once for all that are kept."""
        before = STAGES.index(upto) - 1
        shutil.rmtree(kept, ignore_errors=True)
        if before >= 0:
            sandbox, settings = self.begin(kept / "home", STAGES[before], **company)
        else:
            sandbox = self._make(**company)
            settings = settings_for(sandbox, kept / "home")
        writes: list[Write] = []

        def observe(exchange: Exchange) -> None:
            if is_write(exchange.vendor, exchange.method, exchange.path):
                body, now = exchange.body.decode(), sandbox.crm.now()
                writes.append(Write(exchange.method, exchange.path, body, exchange.status, now))

        sandbox.log.observers.append(observe)
        with closing(Pipeline(settings, now=lambda: datetime.now(UTC), stages=Silent())) as pipeline:
            getattr(pipeline, upto)()
        sandbox.stop()
        (kept / "writes.json").write_text(json.dumps([asdict(one) for one in writes]), "utf-8")


def play(sandbox: Sandbox, writes: list[Write]) -> None:
    """Do writes again, each at its time; afterwards it is late enough for search to show them."""
    clock = sandbox.crm.now
    headers = {"Authorization": f"Bearer {sandbox.hubspot.access_token}", "Content-Type": "application/json"}
    with requests.Session() as session:
        for write in writes:
            sandbox.crm.now = lambda at=write.at: at  # type: ignore[misc]
            url = f"{sandbox.hubspot_url}{write.path}"
            answer = session.request(write.method, url, data=write.body.encode(), headers=headers, timeout=30)
            assert answer.status_code == write.status, answer.text
    ahead = max((write.at for write in writes), default=clock()) + _SEARCHABLE - clock()
    sandbox.crm.now = sandbox.hubspot_webhooks.now = lambda: clock() + ahead
