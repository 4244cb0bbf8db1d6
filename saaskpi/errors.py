"""Every error the product raises on purpose, named by what the caller does about it.

The tree::

    SaaskpiError                 the root; exit code 1
    +-- UsageError               the person typed or configured something wrong: mend it (exit code 2)
    +-- AccessError              a key or scope is refused: stop at once, no second call
    |   +-- MissingPermissionError   the key is good but lacks a scope: grant it
    +-- UnavailableError         the other side did not answer after every retry: run again later
    +-- RejectedError            the other side refused this request as it stands: do not repeat it
    +-- DataError                a record cannot be used: keep it aside with the reason, go on
    +-- StoreError               our own files cannot be used as they are: mend or restore them
    +-- NeedsPersonError         the run is sound but a person must decide (exit code 3)

Each carries one sentence that says what happened and where (``message``) and one that says what to do
next (``hint``). Neither may hold a secret or a customer's personal data.
"""

from __future__ import annotations

from typing import ClassVar


class SaaskpiError(Exception):
    """Root of the tree: one line of what happened, one of what to do next.

    Args:
        message: what happened and where.
        hint: what the reader can do next; empty when there is nothing to do.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """Return both sentences as the command line prints them."""
        return f"{self.message} {self.hint}".strip()


class UsageError(SaaskpiError):
    """A setting, a flag or a file given by the person is wrong."""

    exit_code = 2


class AccessError(SaaskpiError):
    """Stripe or HubSpot refused the key (401) or a scope is missing (403)."""


class MissingPermissionError(AccessError):
    """The key is good but lacks a scope or permission (403).

    Args:
        message: what happened and where.
        hint: what to do next.
        permission: the name the vendor gives it; empty when the vendor did not say.
        said: the vendor's own words; not for showing.
    """

    def __init__(self, message: str, *, hint: str = "", permission: str = "", said: str = "") -> None:
        super().__init__(message, hint=hint)
        self.permission = permission
        self.said = said


class UnavailableError(SaaskpiError):
    """The host cannot be reached, or went on failing after every retry."""


class RejectedError(SaaskpiError):
    """The API understood the request and refused it (4xx other than 401, 403 and 429).

    Args:
        message: what happened and where.
        hint: what to do next.
        status: the HTTP status.
    """

    def __init__(self, message: str, *, hint: str = "", status: int = 400) -> None:
        super().__init__(message, hint=hint)
        self.status = status


class DataError(SaaskpiError):
    """One record cannot be used; the run goes on without it and keeps it with this reason."""


class StoreError(SaaskpiError):
    """The landing, the marts or the operational store is missing, damaged or of another version."""


class NeedsPersonError(SaaskpiError):
    """Nothing is broken, but only a person can say how to go on."""

    exit_code = 3
