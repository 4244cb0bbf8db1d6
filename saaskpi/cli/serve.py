"""``saaskpi serve``: webhooks in, jobs by the clock and the API, until it is stopped."""

from __future__ import annotations

import signal
import threading

import click

from saaskpi.cli.base import Context, shared_options, utc_now


@click.command(epilog="Example: saaskpi serve --host 127.0.0.1 --port 8080")
@click.option("--host", help="Address to listen on (default 127.0.0.1).")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 takes a free one.")
@shared_options
def serve(context: Context, host: str | None, port: int | None) -> None:
    """Receive webhooks, run the jobs and answer the API.

    Put a proxy with TLS in front of it and set server.public_url to the address that the world sees.
    """
    from webhook_server.memory import hold_little

    hold_little()
    from webhook_server.services import Services
    from webhook_server.serving import serve as run

    settings = context.settings()
    context.start_logs(settings, server=True)
    services = Services(settings, utc_now)
    click.get_current_context().call_on_close(services.close)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    run(services, host or settings.server.host, settings.server.port if port is None else port, stop, _told)


def _told(url: str) -> None:
    click.echo(f"Listening on {url}; press Ctrl-C to stop.")
    click.echo(f"Ready? {url}/readyz   Numbers: {url}/metrics")
    click.echo("Next: saaskpi webhooks install, so that Stripe and HubSpot tell of changes.")


COMMANDS = (serve,)
