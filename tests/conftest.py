"""Fixtures that every suite may use: a running sandbox, and Stripe's own document to hold it against."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from sandbox import Sandbox
    from sandbox.request_log import Exchange
    from tests.support.stripe_spec import StripeSpec


class SpecObserver:
    """Hands exchanges to the Stripe document's checks, which are loaded (1.5 s) with the first exchange."""

    def __init__(self) -> None:
        self._spec: StripeSpec | None = None

    @property
    def spec(self) -> "StripeSpec":
        """The checks."""
        if self._spec is None:
            from tests.support.stripe_spec import StripeSpec

            self._spec = StripeSpec()
        return self._spec

    def __call__(self, exchange: "Exchange") -> None:
        if exchange.vendor == "stripe" and exchange.status:
            self.spec(exchange)

    def taken(self) -> list[str]:
        """What was found wrong since the last call."""
        if self._spec is None:
            return []
        found, self._spec.violations = self._spec.violations, []
        self._spec.tolerant = False
        return found


@pytest.fixture(scope="session")
def spec_observer() -> SpecObserver:
    """One set of checks per process, so that compiled validators and known shapes are shared."""
    return SpecObserver()


@pytest.fixture(autouse=True)
def _stripe_contract(spec_observer: SpecObserver) -> Iterator[None]:
    """Fail the test in which a client or the sandbox left Stripe's document."""
    spec_observer.taken()
    yield
    violations = spec_observer.taken()
    assert not violations, "Against Stripe's OpenAPI document:\n" + "\n".join(dict.fromkeys(violations[:20]))


@pytest.fixture
def stripe_spec(spec_observer: SpecObserver) -> "StripeSpec":
    """Checks of requests and answers; set ``tolerant`` in a test that sends nonsense on purpose."""
    return spec_observer.spec


@pytest.fixture(scope="session")
def sandbox(spec_observer: SpecObserver) -> Iterator["Sandbox"]:
    """A small running company for tests that only read: 60 customers, 24 months, no rate limits."""
    from sandbox import Sandbox

    with Sandbox(customers=60, months=24, seed=7, rate_limits=False) as running:
        running.log.observers.append(spec_observer)
        yield running


@pytest.fixture
def make_sandbox(spec_observer: SpecObserver) -> Iterator[Callable[..., "Sandbox"]]:
    """Starts sandboxes of one's own, for tests that write, switch faults on or move the clock.

    Takes the arguments of ``Sandbox``; by default 12 customers, 6 months, seed 7, no rate limits.
    """
    from sandbox import Sandbox

    running: list[Sandbox] = []

    def make(**options: Any) -> Sandbox:
        options = {"customers": 12, "months": 6, "seed": 7, "rate_limits": False, **options}
        made = Sandbox(**options)
        running.append(made)
        made.log.observers.append(spec_observer)
        return made.start()

    yield make
    for made in running:
        made.stop()
