"""After a power cut every webhook that was answered with 200 is there; without FULL they would not be."""

from __future__ import annotations

import os
import random
import sqlite3
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.support.power import Disk, Trace, recorded
from tests.support.webhooks import Sender, stripe_body, wall_clock, webhook_settings
from warehouse.store import Store
from webhook_server.app import create_app
from webhook_server.services import Services

CUTS = int(os.environ.get("SAASKPI_TEST_CUTS", "100"))
REQUESTS = 400
SENDERS = 8


def serve_and_record(home: Path, synchronous: str) -> Trace:
    """Send webhooks from several threads; each answer is noted in the trace after it was given."""
    Store.open(home / "saaskpi.db").close()  # the tables are there before the power is at risk
    with recorded() as trace:
        services = Services(webhook_settings(home), now=wall_clock)
        trace_start = (home / "saaskpi.db").read_bytes()
        trace.steps.insert(0, ("write", "saaskpi.db", 0, trace_start))
        trace.steps.insert(1, ("sync", "saaskpi.db", 0, b""))
        if synchronous != "FULL":
            sa.event.listen(
                services.store.engine,
                "connect",
                lambda connection, _record: connection.execute(f"PRAGMA synchronous = {synchronous}"),
            )
            services.store.engine.dispose()
        app = create_app(services)

        def send(first: int) -> None:
            sender = Sender(app.test_client(), services)
            for number in range(first, REQUESTS, SENDERS):
                assert sender.stripe(stripe_body(number)).status_code == 200
                trace.note(f"evt_{number}")

        threads = [threading.Thread(target=send, args=(first,)) for first in range(SENDERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        ended = Trace(list(trace.steps))
        services.close()
    return ended


def lost_in_cuts(trace: Trace, folder: Path, cuts: int) -> tuple[int, int]:
    """Cut the power at many moments; return acknowledged events that are gone, and how many there were."""
    rng = random.Random(7)
    disk, lost, acknowledged = Disk(trace), 0, 0
    begun = next(step for step, found in enumerate(trace.steps) if found[0] == "note")
    for number, cut in enumerate(sorted(rng.choices(range(begun, len(trace.steps) + 1), k=cuts))):
        disk.run_to(cut)
        home = folder / str(number)
        home.mkdir()
        disk.after_a_cut(home, rng)
        wanted = trace.notes_before(cut)
        acknowledged += len(wanted)
        lost += len(wanted - kept(home / "saaskpi.db"))
    return lost, acknowledged


def kept(path: Path) -> set[str]:
    connection = sqlite3.connect(path)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return {event for (event,) in connection.execute("SELECT event_id FROM inbox")}
    finally:
        connection.close()
        for each in path.parent.iterdir():
            each.unlink()


@pytest.mark.slow
def test_no_acknowledged_webhook_is_lost_and_the_test_would_see_it(tmp_path: Path) -> None:
    results = {}
    for synchronous in ("FULL", "NORMAL"):
        home, cuts = tmp_path / synchronous, tmp_path / f"{synchronous} cuts"
        home.mkdir()
        cuts.mkdir()
        results[synchronous] = lost_in_cuts(serve_and_record(home, synchronous), cuts, CUTS)
    print(f"{CUTS} cuts each: lost of acknowledged {results}")
    assert results["FULL"][0] == 0
    assert results["FULL"][1] > CUTS * REQUESTS / 10
    assert results["NORMAL"][0] > 0
