"""saaskpi tokens and saaskpi audit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.cli import CommandLine
from warehouse.access import SCOPES, is_token


@pytest.fixture(autouse=True)
def _at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SAASKPI_HOME", str(tmp_path / "home"))


def test_a_token_is_shown_once_and_its_life_is_on_record(saaskpi: CommandLine) -> None:
    made = saaskpi("tokens", "create", "bi", "--scope", "read", "--scope", "plan", "--expires", "30d")
    assert (made.code, is_token(made.out.strip())) == (0, True)
    assert "not shown again" in made.err
    listed = saaskpi("tokens", "list", "--json").out
    (row,) = json.loads(listed)
    assert (row["name"], row["scopes"], row["state"]) == ("bi", ["plan", "read"], "in use")
    assert made.out.strip() not in listed
    assert saaskpi("tokens", "revoke", "bi").code == 0
    assert json.loads(saaskpi("tokens", "list", "--json").out)[0]["state"] == "revoked"
    assert "revoked" in saaskpi("tokens", "list").out
    again = saaskpi("tokens", "revoke", "bi")
    assert (again.code, "no token 'bi' in use" in again.err) == (2, True)
    told = [(row["action"], row["target"], row["result"]) for row in _audit(saaskpi)]
    assert told == [
        ("tokens revoke", "bi", "UsageError"),
        ("tokens revoke", "bi", "done"),
        ("tokens create", "bi", "done"),
    ]
    assert "tokens create" in saaskpi("audit").out
    assert made.out.strip() not in saaskpi("audit", "--json").out


def _audit(saaskpi: CommandLine) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(saaskpi("audit", "--json").out)
    return found


@pytest.mark.parametrize("expires", ["soon", "90", "-1d", "0d"])
def test_a_time_that_is_none_is_said(saaskpi: CommandLine, expires: str) -> None:
    ended = saaskpi("tokens", "create", "bi", "--scope", "read", "--expires", expires)
    assert (ended.code, ended.out) == (2, "")
    assert "90d" in ended.err


def test_an_empty_home_has_neither_tokens_nor_entries(saaskpi: CommandLine) -> None:
    assert "no tokens" in saaskpi("tokens", "list").out
    assert "Nothing has been changed" in saaskpi("audit").out


def test_every_scope_can_be_given(saaskpi: CommandLine) -> None:
    for scope in SCOPES:
        made = saaskpi("tokens", "create", scope, "--scope", scope, "--expires", "never", "--json")
        assert json.loads(made.out)["scopes"] == [scope]
