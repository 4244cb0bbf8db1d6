"""``saaskpi check`` finds out how tasks can be told apart, and the store remembers it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from saaskpi.checks import Check, run_checks
from saaskpi.settings import Settings
from tests.support.spine import settings_for
from warehouse.store import Store

if TYPE_CHECKING:
    from sandbox import Sandbox


def of_tasks(settings: Settings, *, create: bool) -> Check:
    found = [one for one in run_checks(settings, create_properties=create) if one.name == "HubSpot tasks"]
    return found[-1]


def refused(settings: Settings) -> str | None:
    with Store.open(settings.store_at()) as store:
        return store.tasks_refused()


def test_the_probe_chooses_and_may_choose_anew(make_sandbox: Callable[..., Sandbox], tmp_path: Path) -> None:
    from sandbox import Sandbox

    refusing = Sandbox(customers=3, months=2, rate_limits=False)
    refusing.hubspot = replace(refusing.hubspot, task_unique_property=False)
    with refusing:
        settings = settings_for(refusing, tmp_path / "home")
        settings.home.mkdir()
        assert "not there yet" in of_tasks(settings, create=False).words
        probed = of_tasks(settings, create=True)
        assert (probed.state, "a line in their body" in probed.words) == ("todo", True)
        assert "not supported for tasks" in (refused(settings) or "")
        assert of_tasks(settings, create=False) == probed, "what was found is said again, without a try"

    settings = settings_for(make_sandbox(customers=3, months=2), tmp_path / "home")
    assert of_tasks(settings, create=True).state == "ok"
    assert refused(settings) is None
    assert of_tasks(settings, create=False).words == "Every saaskpi property is there."
