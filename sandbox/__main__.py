"""``python -m sandbox``: serve one simulated company until told to stop."""

import argparse
import gc
import json
import signal
import sys
import threading
from collections.abc import Sequence

from sandbox import Sandbox

EXAMPLE = """example:
  python -m sandbox --customers 200 --months 36 --seed 7 --stripe-port 0 --hubspot-port 0

Prints one line of JSON with URLs and keys, then serves until SIGINT or SIGTERM.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until a signal comes; with ``--watch-stdin`` also until standard input ends.

    Returns:
        0, or 1 when a port is taken.
    """
    options = _parser().parse_args(argv)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    sandbox = Sandbox(
        customers=options.customers,
        months=options.months,
        seed=options.seed,
        stripe_port=options.stripe_port,
        hubspot_port=options.hubspot_port,
        rate_limits=not options.no_rate_limits,
        causal=not options.no_causes,
    )
    # The company stays until the end and holds no cycles: the collector need never scan it again.
    gc.freeze()
    try:
        sandbox.start()
    except OSError as failure:
        print(f"sandbox: cannot listen: {failure}; choose another port, or 0 for a free one", file=sys.stderr)
        return 1
    with sandbox:
        print(json.dumps(sandbox.describe()), flush=True)
        print(
            f"sandbox: {options.customers} customers; log at {sandbox.stripe_url}/_sandbox/requests",
            file=sys.stderr,
        )
        if options.watch_stdin:
            threading.Thread(target=_until_stdin_ends, args=(stopped,), daemon=True).start()
        stopped.wait()
    return 0


def _until_stdin_ends(stopped: threading.Event) -> None:
    while sys.stdin.buffer.read(4096):
        pass
    stopped.set()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox",
        description="Stripe and HubSpot look-alikes of one simulated SaaS company.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--customers", type=int, default=200, help="size of the company (200)")
    parser.add_argument("--months", type=int, default=36, help="months of history (36)")
    parser.add_argument("--seed", type=int, default=7, help="the same seed gives the same company (7)")
    parser.add_argument("--stripe-port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--hubspot-port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--no-rate-limits", action="store_true", help="let every request through at once")
    parser.add_argument(
        "--no-causes",
        action="store_true",
        help="let chance alone decide who leaves: no score can foretell it",
    )
    parser.add_argument("--watch-stdin", action="store_true", help="also stop when standard input ends")
    return parser


if __name__ == "__main__":
    sys.exit(main())
