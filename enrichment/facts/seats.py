"""Which products are sold by the seat: those that the user names, else those whose unit label is people.

Stripe's ``unit_label`` is the seller's own word for one unit of a product, as invoices show it:
https://docs.stripe.com/api/products/object. It has no date: looking back, it is that of today.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from enrichment.engine import EngineProtocol
from enrichment.facts.sources import FactSources

PEOPLE: Final = frozenset((
    "agent", "collaborateur", "collaboratrice", "collaborator", "colleague", "contributor", "developer",
    "editor", "employe", "employee", "licence", "license", "membre", "member", "people", "person", "personne",
    "place", "poste", "salarie", "seat", "siege", "teammate", "technicien", "technician", "user", "usager",
    "utilisateur", "utilisatrice",
))  # fmt: skip
"""Words for people and their places, in English and French: singular, without accents."""
SEAT_PRODUCTS: Final = {"product_id": "VARCHAR", "is_seat": "BOOLEAN"}
_PRODUCTS: Final = (
    "SELECT DISTINCT p.product_id, d.product_name, d.unit_label "
    "FROM stg_prices p LEFT JOIN stg_products d ON d.product_id = p.product_id"
)


def leave_seat_products(engine: EngineProtocol, sources: FactSources) -> None:
    """Leave ``seat_products``: whether a product is sold by the seat, null where nothing says so.

    Args:
        engine: holds ``stg_prices`` and ``stg_products``.
        sources: may name the products, by id or name, in any case; then nothing else decides.
    """
    named = {_plain(name) for name in sources.seat_products}
    rows = [(row["product_id"], _is_seat(row, named)) for row in engine.rows(_PRODUCTS)]
    engine.fill("seat_products", SEAT_PRODUCTS, rows)


def means_people(label: str) -> bool:
    """Say whether a unit label is about people, as "seat", "Utilisateurs actifs" or "per user" are."""
    words = re.findall(r"[^\W\d_]+", _plain(label))
    return any(word in PEOPLE or word.removesuffix("s") in PEOPLE for word in words)


def _is_seat(product: dict[str, str | None], named: set[str]) -> bool | None:
    if named:
        return not named.isdisjoint({_plain(product["product_id"]), _plain(product["product_name"])} - {""})
    label = product["unit_label"]
    return means_people(label) if label else None


def _plain(text: str | None) -> str:
    """Return a text without case, accents and spaces around it."""
    parts = unicodedata.normalize("NFKD", (text or "").strip().casefold())
    return "".join(letter for letter in parts if not unicodedata.combining(letter))
