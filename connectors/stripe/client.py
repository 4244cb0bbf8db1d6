"""Reads Stripe: pages, sub-lists to their end, the account and what the key may do."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from connectors.http import HttpClient, Json, JsonRows, Refusal, Vendor
from connectors.rate_limiter import RateLimiter
from connectors.stripe.coupons import WholeCoupons
from saaskpi.errors import MissingPermissionError, RejectedError

API_VERSION = "2026-05-27.dahlia"
"""Pinned: the shapes of every stream are those of this version."""
PAGE = 100
REQUESTS_PER_SECOND = 25
"""Stripe's default limit per endpoint, and of test keys as a whole."""


def _read_error(body: Json) -> Refusal:
    """Read Stripe's error body; a 403 names the permission in its sentence ("rak_charge_read")."""
    error = body.get("error")
    message = str(error.get("message", "")) if isinstance(error, dict) else ""
    named = re.search(r"\brak_\w+", message)
    return Refusal(message, f"the permission {named[0]}" if named else "")


STRIPE = Vendor(
    name="Stripe",
    key_hint="the Stripe API key (STRIPE_API_KEY; stripe_api_key in the tap's config)",
    base_hint="stripe.api_base (stripe_api_base in the tap's config)",
    permission_hint="to the restricted key in Stripe under Developers > API keys",
    read_error=_read_error,
)


@dataclass(frozen=True, slots=True)
class StripeAccount:
    """Whose key it is. ``id`` is empty where Stripe does not say; ``mode`` is "live" or "test"."""

    id: str
    name: str
    mode: str


class StripeClient:
    """Reads one Stripe account in the pinned API version.

    Args:
        api_key: secret or restricted key.
        api_base: Stripe, a proxy or the sandbox.
        limiter: shared by every client of this account.
        sleep: waits between tries.
    """

    def __init__(
        self,
        api_key: str,
        api_base: str = "https://api.stripe.com",
        *,
        limiter: RateLimiter | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._mode = "test" if "_test_" in api_key else "live"
        self.http = HttpClient(
            api_base,
            api_key,
            vendor=STRIPE,
            headers={"Stripe-Version": API_VERSION},
            limiter=limiter or RateLimiter(REQUESTS_PER_SECOND),
            sleep=sleep,
        )

    def list(self, path: str, params: Mapping[str, Any] | None = None) -> Iterator[JsonRows]:
        """Read a list to its end, newest first.

        Args:
            path: such as ``/v1/customers``.
            params: filters and ``expand[]``.

        Yields:
            The rows of each page, at most 100.
        """
        return self._pages(path, dict(params or {}), after=None)

    def of_customer(self, path: str, params: Mapping[str, Any] | None = None) -> Iterator[JsonRows]:
        """Read a list of one customer as :meth:`list` does; empty when the customer has been deleted.

        Stripe refuses the lists of those.
        """
        try:
            yield from self.list(path, params)
        except RejectedError as error:
            if "No such customer" not in error.message:
                raise

    def sublist(self, embedded: Mapping[str, Any]) -> Iterator[Json]:
        """Read a list that came inside an object to its end.

        Args:
            embedded: ``{"object": "list", "data": [...], "has_more": ..., "url": ...}``; only
                ``has_more`` tells whether there is more.

        Yields:
            Its rows, those that came along first.
        """
        rows = embedded["data"]
        yield from rows
        if embedded["has_more"]:
            for page in self._pages(embedded["url"], {}, after=rows[-1]["id"] if rows else None):
                yield from page

    def complete(self, record: Json, spared: Container[str] = ()) -> None:
        """Fill every list inside ``record`` that Stripe cut short, in place.

        Args:
            record: an object with lists in its fields.
            spared: names of fields to leave as they are.
        """
        for name, value in record.items():
            # Metadata is free: it may have a "has_more" too, but as text.
            if isinstance(value, dict) and value.get("has_more") is True and name not in spared:
                value["data"] = [*self.sublist(value)]
                value["has_more"] = False

    @cached_property
    def coupons(self) -> WholeCoupons:
        """What lists do not tell of the coupons of discounts, shared by all streams."""
        return WholeCoupons(self)

    def forget_coupons(self) -> None:
        """Ask for the coupons again when they are next needed: one of them has changed."""
        self.__dict__.pop("coupons", None)

    def account(self) -> StripeAccount:
        """Tell whose key this is.

        A restricted key mostly may not read its account; then the refusal itself names the account.

        Raises:
            AccessError: the key is refused.
        """
        try:
            found = self.http.get("/v1/account")
        except MissingPermissionError as error:
            named = re.search(r"\bacct_\w+", error.said)
            return StripeAccount(named[0] if named else "", "restricted key", self._mode)
        profile = found.get("business_profile") or {}
        dashboard = (found.get("settings") or {}).get("dashboard") or {}
        name = profile.get("name") or dashboard.get("display_name") or found["id"]
        return StripeAccount(found["id"], name, self._mode)

    def missing_permissions(self, resources: Iterable[str]) -> dict[str, str]:
        """Try one row of each resource.

        Args:
            resources: as in Stripe's paths, such as ``credit_notes``.

        Returns:
            For each resource that is refused, what the key lacks. Empty when it may read all.
        """
        missing = {}
        for resource in resources:
            try:
                self.http.get(f"/v1/{resource}", {"limit": 1})
            except MissingPermissionError as error:
                missing[resource] = error.permission or f"read access to {resource}"
        return missing

    def _pages(self, path: str, params: dict[str, Any], after: str | None) -> Iterator[JsonRows]:
        more = True
        while more:
            page = self.http.get(path, {**params, "limit": PAGE, "starting_after": after})
            rows, more = page["data"], page["has_more"]
            if rows:
                after = rows[-1]["id"]
                yield rows
            elif more:
                raise RejectedError(f"Stripe said that {path} goes on, and sent an empty page.")
