"""Whose numbers a home holds: pulled ones and imported ones are never mixed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

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
