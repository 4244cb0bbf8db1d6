"""An empty CRM and its API, for tests of HubSpot's look-alike."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from sandbox.crm import Crm
from sandbox.crm.directory import CrmOwner
from sandbox.hubspot_api import Settings, create_app
from tests.support.hubspot_caller import NOW, Caller


@pytest.fixture
def empty_crm() -> Crm:
    started = time.monotonic()
    made = Crm(140_000_007, lambda: NOW + int((time.monotonic() - started) * 1000))
    made.owners = [
        CrmOwner(71, 9, "rep@us.example", "Rep", "One", 0, 0, archived=False),
        CrmOwner(72, 10, "left@us.example", "Rep", "Two", 0, 0, archived=True),
    ]
    return made


@pytest.fixture
def call_with(empty_crm: Crm) -> Callable[..., Caller]:
    def make(token: str | None = None, **options: Any) -> Caller:
        settings = Settings(**{"rate_limits": False, "search_lag": 0.0, **options})
        return Caller(create_app(empty_crm, settings).test_client(), token or settings.access_token)

    return make


@pytest.fixture
def call(call_with: Callable[..., Caller]) -> Caller:
    return call_with()
