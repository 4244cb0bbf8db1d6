"""Fixtures that hold HubSpot's side against the models of HubSpot's own clients."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hubspot_sdk import HubSpot

from sandbox import Sandbox
from tests.support.hubspot_models import HubSpotModels


@pytest.fixture
def hubspot_models() -> Iterator[HubSpotModels]:
    """Checks every exchange of the sandboxes that it observes; the test fails on what it found."""
    models = HubSpotModels()
    yield models
    assert not models.violations, "Against HubSpot's models:\n" + "\n".join(dict.fromkeys(models.violations))


@pytest.fixture
def hubspot_sandbox(make_sandbox: Callable[..., Sandbox], hubspot_models: HubSpotModels) -> Sandbox:
    """A small company whose HubSpot exchanges are all checked."""
    sandbox = make_sandbox()
    sandbox.log.observers.append(hubspot_models)
    return sandbox


@pytest.fixture
def sdk(hubspot_sandbox: Sandbox) -> Iterator[HubSpot]:
    """HubSpot's official client, strict about every answer."""
    options: dict[str, Any] = {"base_url": hubspot_sandbox.hubspot_url, "max_retries": 0}
    with HubSpot(access_token=hubspot_sandbox.hubspot.access_token, **options) as client:
        yield client
