"""Tokens and the audit log: what is kept, what is refused."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from saaskpi.errors import NeedsPersonError, UsageError
from tests.support.crm import open_store
from warehouse import tables
from warehouse.access import SCOPES, AuditLog, Tokens, is_token
from warehouse.store import Store

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "store.db") as opened:
        yield opened


@pytest.fixture
def tokens(store: Store) -> Tokens:
    return Tokens(store.engine)


def test_a_token_is_known_again_and_nothing_of_it_is_kept(tokens: Tokens, tmp_path: Path) -> None:
    plain = tokens.create("bi", ["read", "plan"], NOW + DAY, NOW)
    found = tokens.verify(plain, NOW)
    assert found is not None
    assert (found.name, set(found.scopes), found.expires_at) == ("bi", {"read", "plan"}, NOW + DAY)
    assert is_token(plain)
    assert plain.startswith("saaskpi_")
    dump = "\n".join(sqlite3.connect(tmp_path / "store.db").iterdump())
    assert plain not in dump
    assert plain[8:51] not in dump


def test_two_tokens_are_never_the_same(tokens: Tokens) -> None:
    made = {tokens.create(f"t{number}", ["read"], None, NOW) for number in range(50)}
    assert len(made) == 50


@given(st.data())
def test_a_token_with_one_character_changed_has_no_form_of_one(data: st.DataObject) -> None:
    plain = "saaskpi_0000000000000000000000000000000000000000000"
    checked = next(plain + end for end in (_checksum_of(plain),))
    assert is_token(checked)
    place = data.draw(st.integers(0, len(checked) - 1))
    other = data.draw(st.characters(max_codepoint=0x7F).filter(lambda one: one != checked[place]))
    assert not is_token(checked[:place] + other + checked[place + 1 :])


def _checksum_of(body: str) -> str:
    """CRC-32 in base62, written down anew."""
    import zlib

    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    number = zlib.crc32(body.encode())
    return "".join(digits[number // 62**place % 62] for place in range(5, -1, -1))


@given(st.text(max_size=80))
def test_what_is_no_token_is_refused_without_asking(text: str) -> None:
    assert not is_token(text)


def test_expired_revoked_and_unknown_tokens_are_refused(tokens: Tokens) -> None:
    short = tokens.create("short", ["read"], NOW + DAY, NOW)
    lasting = tokens.create("lasting", ["read"], None, NOW)
    assert tokens.verify(short, NOW + DAY - timedelta(seconds=1))
    assert tokens.verify(short, NOW + DAY) is None
    assert tokens.verify(lasting, NOW + 4000 * DAY)
    assert tokens.revoke("lasting", NOW)
    assert not tokens.revoke("lasting", NOW)
    assert tokens.verify(lasting, NOW) is None
    body = "saaskpi_" + "x" * 43
    assert tokens.verify(body + _checksum_of(body), NOW) is None


def test_the_last_use_is_kept_once_a_minute(tokens: Tokens, store: Store) -> None:
    plain = tokens.create("bi", ["read"], None, NOW)
    writes: list[str] = []
    sa.event.listen(store.engine, "before_cursor_execute", lambda *a: writes.append(a[2]))
    for seconds in (0, 1, 59, 60, 61):
        tokens.verify(plain, NOW + timedelta(seconds=seconds))
    assert sum(sql.startswith("UPDATE") for sql in writes) == 2
    assert tokens.all()[0].last_used_at == NOW + timedelta(seconds=60)


def test_a_name_in_use_is_taken_and_free_again_afterwards(tokens: Tokens) -> None:
    first = tokens.create("bi", ["read"], None, NOW)
    with pytest.raises(UsageError, match="There is a token 'bi' already"):
        tokens.create("bi", ["apply"], None, NOW)
    assert tokens.verify(first, NOW)
    tokens.revoke("bi", NOW)
    second = tokens.create("bi", ["metrics"], NOW + DAY, NOW)
    assert tokens.verify(first, NOW) is None
    assert [token.scopes for token in tokens.all()] == [{"metrics"}]
    tokens.create("bi", ["read"], None, NOW + DAY)
    assert tokens.verify(second, NOW) is None


@pytest.mark.parametrize(
    "name, scopes, expires_at, words",
    [
        ("", ["read"], None, "cannot be the name"),
        ("a b", ["read"], None, "cannot be the name"),
        ("x" * 65, ["read"], None, "cannot be the name"),
        ("bi", [], None, "needs a scope"),
        ("bi", ["read", "root"], None, f"no scope 'root'.*{', '.join(SCOPES)}"),
        ("bi", ["read"], NOW, "expire in the future"),
    ],
)
def test_what_makes_no_token(
    tokens: Tokens, name: str, scopes: list[str], expires_at: datetime | None, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        tokens.create(name, scopes, expires_at, NOW)
    assert tokens.all() == []


def test_the_audit_log_tells_newest_first(store: Store) -> None:
    log = AuditLog(store.engine)
    log.write(NOW, "bi", "plan", "abc", "done", {"updates": 3})
    log.write(NOW - DAY, "job:pull", "apply", "def", "done")
    first, second = log.recent()
    assert first == {
        "at": NOW - DAY,
        "actor": "job:pull",
        "action": "apply",
        "target": "def",
        "result": "done",
        "detail": {},
    }
    assert second["detail"] == {"updates": 3}
    assert log.recent(1) == [first]


def test_what_fails_is_on_record_without_its_words(store: Store) -> None:
    log = AuditLog(store.engine)
    with log.recording(lambda: NOW, "cli:me", "apply", "abc") as detail:
        detail["companies"] = 2

    def fails() -> None:
        with log.recording(lambda: NOW, "cli:me", "apply", "abc") as detail:
            detail["flag"] = "--yes-change"
            raise NeedsPersonError("Ann Canary is concerned.")

    with pytest.raises(NeedsPersonError):
        fails()
    failed, done = log.recent()
    assert (done["result"], done["detail"]) == ("done", {"companies": 2})
    assert (failed["result"], failed["detail"]) == ("NeedsPersonError", {"flag": "--yes-change"})
    with store.engine.connect() as connection:
        rows = connection.execute(sa.select(tables.audit_log)).mappings().all()
    assert "Canary" not in json.dumps([dict(row) for row in rows], default=str)
