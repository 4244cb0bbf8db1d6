"""Fixtures that every suite may use: a running sandbox, held against what the vendors themselves wrote."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from sandbox import Sandbox
    from sandbox.request_log import Exchange
    from tests.support.hubspot_models import HubSpotModels
    from tests.support.kept import Kept
    from tests.support.stripe_spec import StripeSpec
    from warehouse.store import Store


# How fast the machine is says nothing about what is tested: others use it too.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

SMALL: dict[str, Any] = {"customers": 12, "months": 6, "seed": 7, "rate_limits": False}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the modules that take longest, so that no process is alone with one in the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Let a module whose tests share a fixture stay in one process, which makes it once.

    The marks of xdist's own scheduler do not reach it under pytest 9.
    """
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

    @cache
    def shares(module: str) -> bool:
        return 'scope="module"' in (config.rootpath / module).read_text(encoding="utf-8")

    class ByModule(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            module = nodeid.partition("::")[0]
            return module if shares(module) else nodeid

    return ByModule(config, log)


class VendorContracts:
    """Hands exchanges to what the vendors wrote: Stripe's document, the models of HubSpot's client.

    Each is loaded (a second or two) with the first exchange of its vendor.
    """

    @cached_property
    def stripe(self) -> "StripeSpec":
        """Stripe's checks."""
        from tests.support.stripe_spec import StripeSpec

        return StripeSpec()

    @cached_property
    def hubspot(self) -> "HubSpotModels":
        """HubSpot's checks."""
        from tests.support.hubspot_models import HubSpotModels

        return HubSpotModels()

    def __call__(self, exchange: "Exchange") -> None:
        if exchange.status:
            (self.stripe if exchange.vendor == "stripe" else self.hubspot)(exchange)

    def taken(self) -> list[str]:
        """What was found wrong since the last call."""
        found: list[str] = []
        for checks in vars(self).values():
            found += checks.violations
            checks.violations = []
            checks.tolerant = False
        return found


@pytest.fixture(scope="session")
def vendor_contracts() -> VendorContracts:
    """One set of checks per process, so that compiled validators and known shapes are shared."""
    return VendorContracts()


@pytest.fixture(autouse=True)
def _within_contract(vendor_contracts: VendorContracts) -> Iterator[None]:
    """Fail the test in which one of our clients, or the sandbox, left what the vendor wrote."""
    vendor_contracts.taken()
    yield
    violations = vendor_contracts.taken()
    assert not violations, "Against the vendor's own document:\n" + "\n".join(dict.fromkeys(violations[:20]))


@pytest.fixture
def stripe_spec(vendor_contracts: VendorContracts) -> "StripeSpec":
    """Checks of requests and answers; set ``tolerant`` in a test that sends nonsense on purpose."""
    return vendor_contracts.stripe


@pytest.fixture(scope="session")
def sandbox(vendor_contracts: VendorContracts) -> Iterator["Sandbox"]:
    """A small running company for tests that only read: 60 customers, 24 months, no rate limits."""
    from sandbox import Sandbox

    with Sandbox(customers=60, months=24, seed=7, rate_limits=False) as running:
        running.log.observers.append(vendor_contracts)
        yield running


@pytest.fixture
def make_sandbox(vendor_contracts: VendorContracts) -> Iterator[Callable[..., "Sandbox"]]:
    """Starts sandboxes of one's own, for tests that write, switch faults on or move the clock.

    Takes the arguments of ``Sandbox``; by default 12 customers, 6 months, seed 7, no rate limits.
    """
    from sandbox import Sandbox

    running: list[Sandbox] = []

    def make(**options: Any) -> Sandbox:
        made = Sandbox(**{**SMALL, **options})
        running.append(made)
        made.log.observers.append(vendor_contracts)
        return made.start()

    yield make
    for made in running:
        made.stop()


@pytest.fixture(scope="session")
def kept_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all processes of this run keep what is made once."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "kept"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def kept_homes(kept_folder: Path) -> "Iterator[Kept]":
    """The same, for fixtures that several tests share; its sandboxes run until the end."""
    from sandbox import Sandbox
    from tests.support.kept import Kept

    with ExitStack() as running:
        yield Kept(kept_folder, lambda **options: running.enter_context(Sandbox(**{**SMALL, **options})))


@pytest.fixture
def kept(kept_folder: Path, make_sandbox: Callable[..., "Sandbox"]) -> "Kept":
    """Companies with a home that other tests of this run begin from too, in whatever process."""
    from tests.support.kept import Kept

    return Kept(kept_folder, make_sandbox)


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a fresh store with its tables, once on each database that the product runs on."""
    if request.param == "sqlite":
        from tests.support.crm import open_store

        path = tmp_path / "store.db"
        open_store(path).close()
        yield f"sqlite:///{path}"
        return
    from tests.support import postgres

    with postgres.database() as url:
        yield url


@pytest.fixture
def store(store_url: str) -> Iterator["Store"]:
    """An open store, once on each database."""
    from warehouse.store import Store

    with Store.open(store_url) as opened:
        yield opened


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """The URL of a fresh store on PostgreSQL."""
    from tests.support import postgres

    with postgres.database() as url:
        yield url
