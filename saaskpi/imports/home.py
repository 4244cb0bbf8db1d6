"""Whose numbers a home holds: pulled ones and imported ones are never mixed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from connectors.stripe.client import StripeAccount
from saaskpi.errors import StoreError
from warehouse.landing import Landing
from warehouse.store import Store

ORIGIN: Final = "origin"
IMPORTED: Final = "import"
# As account, mode and portal: whatever a vendor tells about itself is another origin than this.
_CLAIM: Final = {"stripe": IMPORTED, "mode": IMPORTED, "hubspot": IMPORTED}


def is_imported(store: Store) -> bool:
    """Say whether the home holds imported files."""
    held: dict[str, str] = json.loads(store.meta(ORIGIN) or "{}")
    return held.get("stripe") == IMPORTED


def claim_for_pull(store: Store, home: Path, account: StripeAccount, portal_id: str) -> None:
    """Tie the home to the Stripe account and the portal it reads, or stop when it is tied to others.

    What a vendor does not tell (the account of some restricted keys) is not compared.

    Raises:
        StoreError: it holds the numbers of others.
    """
    # Test data and live data of one Stripe account can have the same account id.
    told = {"stripe": account.id, "mode": account.mode, "hubspot": portal_id}
    origin = {name: value for name, value in told.items() if value}
    held: dict[str, str] = json.loads(store.meta(ORIGIN) or "{}")
    if origin.items() <= held.items():
        return
    if any(held.get(name, value) != value for name, value in origin.items()):
        raise StoreError(
            f"{home} holds the numbers of another Stripe account, of its test data or live data, or of "
            "another HubSpot portal.",
            hint="Give this one a folder of its own with --home.",
        )
    store.set_meta(ORIGIN, json.dumps({**held, **origin}))


def portal_of(store: Store) -> str:
    """Return the id of the portal that the home reads and writes.

    Raises:
        StoreError: nothing has been pulled yet.
    """
    held = store.meta(ORIGIN)
    if held is None:
        raise StoreError("Nothing has been pulled yet.", hint="Run: saaskpi pull")
    return str(json.loads(held)["hubspot"])


def claim_for_import(store: Store, landing: Landing, home: Path) -> None:
    """Tie the home to imported files.

    Raises:
        StoreError: it holds pulled numbers.
    """
    if is_imported(store):
        return
    if store.meta(ORIGIN) is not None or landing.pull():
        raise StoreError(
            f"{home} holds numbers pulled from Stripe; imported files would be mixed with them.",
            hint="Give the import a folder of its own: saaskpi import --home FOLDER FILE...",
        )
    store.set_meta(ORIGIN, json.dumps(_CLAIM))


def refuse_imported(store: Store, home: Path, command: str) -> None:
    """Stop a command that needs pulled numbers.

    Args:
        store: of the home.
        home: for the message.
        command: for the hint, for instance ``pull``.

    Raises:
        StoreError: the home holds imported files.
    """
    if is_imported(store):
        raise StoreError(
            f"{home} holds imported files, which know no Stripe account and no HubSpot portal.",
            hint=f"With your keys, use another folder: saaskpi {command} --home FOLDER",
        )
