"""Who may come in, and who changed what: tokens of the API and the audit log.

A token is ``saaskpi_`` + 43 characters of 256 random bits + 6 characters of checksum, so that scanners of
leaked secrets recognise one without asking anybody. Only its SHA-256 is kept: what has 256 random bits cannot
be guessed from its hash, so a slow hash would only slow the server down.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from saaskpi.errors import UsageError
from warehouse import tables
from warehouse.rows import Rows, upsert

SCOPES: Final = ("read", "plan", "apply", "usage", "metrics")
PREFIX: Final = "saaskpi_"
TOUCH_EVERY: Final = timedelta(minutes=1)
"""How exactly the last use is known; a write for each request would cost more than the request."""
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET, _CHECKSUM = 43, 6  # base62 characters of 256 and of 32 bits
_FORM: Final = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{_SECRET + _CHECKSUM}}}")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}")


@dataclass(frozen=True)
class Token:
    """A token as it is known here; times are aware, UTC, and the secret is not among them."""

    name: str
    scopes: frozenset[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    def holds(self, now: datetime) -> bool:
        """Say whether it is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


def is_token(text: str) -> bool:
    """Say whether a text has the form and the checksum of a token; nothing is looked up."""
    if not _FORM.fullmatch(text):
        return False
    body = text[:-_CHECKSUM]
    return hmac.compare_digest(text[-_CHECKSUM:], _checksum(body))


class Tokens(Rows):
    """The tokens of the API."""

    def create(self, name: str, scopes: Iterable[str], expires_at: datetime | None, now: datetime) -> str:
        """Make a token; one of the same name that no longer holds is replaced.

        Args:
            name: stands in the audit log for who did something.
            scopes: of :data:`SCOPES`.
            expires_at: aware; None for never.
            now: aware.

        Returns:
            The token itself, which cannot be shown again.

        Raises:
            UsageError: the name, a scope or the time is wrong, or the name is taken.
        """
        wanted = _checked(name, scopes, expires_at, now)
        table = tables.api_tokens
        body = PREFIX + _base62(secrets.randbits(256), _SECRET)
        plain = body + _checksum(body)
        row = {"name": name, "hash": _hash(plain), "scopes": wanted, "created_at": now}
        row |= {"expires_at": expires_at, "revoked_at": None, "last_used_at": None}
        with self._writes.begin() as connection:
            found = connection.execute(sa.select(table).where(table.c.name == name)).mappings().first()
            if found is not None and _token(dict(found)).holds(now):
                raise UsageError(
                    f"There is a token '{name}' already.", hint=f"First: saaskpi tokens revoke {name}"
                )
            upsert(connection, table, [row], ("name",))
        return plain

    def verify(self, plain: str, now: datetime) -> Token | None:
        """Return the token that somebody shows, None unless it is known and holds.

        The time it takes tells nothing: what is compared is a hash that the caller cannot steer.
        """
        if not is_token(plain):
            return None
        wanted = _hash(plain)
        table = tables.api_tokens
        rows = self._all(sa.select(table).where(table.c.hash == wanted))
        if not rows or not hmac.compare_digest(rows[0]["hash"], wanted):
            return None
        token = _token(rows[0])
        if not token.holds(now):
            return None
        if token.last_used_at is None or now - token.last_used_at >= TOUCH_EVERY:
            with self._writes.begin() as connection:
                connection.execute(sa.update(table).where(table.c.hash == wanted).values(last_used_at=now))
        return token

    def revoke(self, name: str, now: datetime) -> bool:
        """Let a token end at once; False when no token of this name was in use."""
        table = tables.api_tokens
        held = (table.c.name == name) & table.c.revoked_at.is_(None)
        with self._writes.begin() as connection:
            return connection.execute(sa.update(table).where(held).values(revoked_at=now)).rowcount > 0

    def all(self) -> list[Token]:
        """Return all tokens, newest first, those that no longer hold too."""
        table = tables.api_tokens
        return [_token(row) for row in self._all(sa.select(table).order_by(table.c.created_at.desc()))]


class AuditLog(Rows):
    """Who changed what, here or in the CRM; nothing is ever taken out or changed."""

    def write(
        self,
        at: datetime,
        actor: str,
        action: str,
        target: str,
        result: str,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep one entry.

        Args:
            at: now, aware.
            actor: a token's name, a job, or who runs the command line.
            action: such as ``apply``.
            target: what it was done to: a plan's hash, an account's id, a token's name.
            result: ``done``, or the kind of error.
            detail: counts and names; no personal data, no secret.
        """
        row = {"at": at, "actor": actor, "action": action, "target": target, "result": result}
        with self._writes.begin() as connection:
            connection.execute(tables.audit_log.insert(), {**row, "detail": dict(detail or {})})

    def recent(self, limit: int = 50) -> list[dict[str, Any]]:
        """Return the last entries, newest first: at, actor, action, target, result, detail."""
        log = tables.audit_log.c
        columns = (log.at, log.actor, log.action, log.target, log.result, log.detail)
        return self._all(sa.select(*columns).order_by(log.id.desc()).limit(limit))

    @contextmanager
    def recording(
        self, now: Callable[[], datetime], actor: str, action: str, target: str
    ) -> Iterator[dict[str, Any]]:
        """Keep one entry for what is done inside, however it ends; what is raised goes on.

        Gives a dict for the entry's detail, to be filled inside.
        """
        detail: dict[str, Any] = {}
        result = "done"
        try:
            yield detail
        except BaseException as error:
            result = type(error).__name__  # not its words, which may hold names
            raise
        finally:
            self.write(now(), actor, action, target, result, detail)


def _checked(name: str, scopes: Iterable[str], expires_at: datetime | None, now: datetime) -> list[str]:
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be the name of a token.", hint="Letters, digits and _ . @ -, up to 64 of them."
        )
    wanted = sorted(set(scopes), key=lambda scope: (scope not in SCOPES, scope))
    unknown = [scope for scope in wanted if scope not in SCOPES]
    if unknown or not wanted:
        said = f"There is no scope '{unknown[0]}'." if unknown else "A token needs a scope."
        raise UsageError(said, hint=f"There are: {', '.join(SCOPES)}.")
    if expires_at is not None and expires_at <= now:
        raise UsageError("A token must expire in the future.", hint="For instance --expires 90d")
    return wanted


def _token(row: Mapping[str, Any]) -> Token:
    times = {name: row[name] for name in ("created_at", "expires_at", "revoked_at", "last_used_at")}
    return Token(row["name"], frozenset(row["scopes"]), **times)


def _hash(plain: str) -> str:
    return hashlib.sha256(plain.encode()).hexdigest()


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _CHECKSUM)


def _base62(number: int, width: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, 62)
        digits = _DIGITS[rest] + digits
    return digits.rjust(width, _DIGITS[0])
