"""What has changed at the vendors, named by the vendors' own ids: what a refresh reads anew."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple


class Ref(NamedTuple):
    """One object of a vendor.

    Attributes:
        kind: Stripe's ``object`` name (``customer``, ``subscription``, ``invoice``, ``charge``, ``price``,
            ...) or HubSpot's object type in the plural (``companies``, ``contacts``, ``deals``, ...).
        id: the vendor's id.
    """

    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class Touched:
    """Objects that may have changed, whatever the change was; order and repetition do not matter.

    Attributes:
        stripe: objects to read anew.
        hubspot: objects to read anew.
        customers: Stripe customers whose accounts are to be computed anew, beside those that the objects
            turn out to belong to.
        gone: HubSpot objects that were deleted or merged away, and Stripe customers that were deleted; they
            are still asked for, since a merged record answers under its survivor's id.
        erased: HubSpot contacts that were deleted for privacy: nothing of them may be kept anywhere.
        accounts: accounts to compute anew although no object is known to have changed (usage came in).
    """

    stripe: frozenset[Ref] = frozenset()
    hubspot: frozenset[Ref] = frozenset()
    customers: frozenset[str] = frozenset()
    gone: frozenset[Ref] = frozenset()
    erased: frozenset[Ref] = frozenset()
    accounts: frozenset[str] = frozenset()

    def __or__(self, other: Touched) -> Touched:
        """Return what either of them names."""
        return Touched(
            self.stripe | other.stripe,
            self.hubspot | other.hubspot,
            self.customers | other.customers,
            self.gone | other.gone,
            self.erased | other.erased,
            self.accounts | other.accounts,
        )

    def without(self, refs: frozenset[Ref]) -> Touched:
        """Return it without some objects, whatever it says of them."""
        kept = (self.stripe - refs, self.hubspot - refs, self.customers, self.gone - refs)
        return Touched(*kept, erased=self.erased - refs, accounts=self.accounts)

    def __bool__(self) -> bool:
        """Tell whether anything is named."""
        return any((self.stripe, self.hubspot, self.customers, self.gone, self.erased, self.accounts))


NOTHING = Touched()


def all_of(many: Iterable[Touched]) -> Touched:
    """Return what any of them names."""
    whole = NOTHING
    for one in many:
        whole |= one
    return whole
