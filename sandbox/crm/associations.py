"""Associations between records: HubSpot's own types, labels that an account adds, and the links."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

Pair = tuple[str, str]
Link = tuple[int, int]
"""The other record's id, and the association type's id."""


@dataclass(frozen=True, slots=True)
class AssociationType:
    """One direction of one way to associate two object types.

    Attributes:
        id: HubSpot's ``associationTypeId``.
        back: The id of the same association seen from the other record.
        name: Its name in inline associations, for example "contact_to_company".
        label: The label shown, or None for the plain association.
        category: "HUBSPOT_DEFINED" or "USER_DEFINED".
        primary: True for the one company that counts as the record's own.
    """

    id: int
    back: int
    name: str
    label: str | None = None
    category: str = "HUBSPOT_DEFINED"
    primary: bool = False


_WITH_PRIMARY = (
    # from, to, primary ids there and back, plain ids there and back
    ("contact", "company", 1, 2, 279, 280),
    ("deal", "company", 5, 6, 341, 342),
    ("ticket", "company", 26, 25, 339, 340),
)
_PLAIN = (
    ("deal", "contact", 3, 4),
    ("ticket", "contact", 16, 15),
    ("ticket", "deal", 28, 27),
    ("call", "company", 182, 181),
    ("call", "contact", 194, 193),
    ("call", "deal", 206, 205),
    ("call", "ticket", 220, 219),
    ("email", "company", 186, 185),
    ("email", "contact", 198, 197),
    ("email", "deal", 210, 209),
    ("email", "ticket", 224, 223),
    ("meeting", "company", 188, 187),
    ("meeting", "contact", 200, 199),
    ("meeting", "deal", 212, 211),
    ("meeting", "ticket", 226, 225),
    ("note", "company", 190, 189),
    ("note", "contact", 202, 201),
    ("note", "deal", 214, 213),
    ("note", "ticket", 228, 227),
    ("task", "company", 192, 191),
    ("task", "contact", 204, 203),
    ("task", "deal", 216, 215),
    ("task", "ticket", 230, 229),
    ("feedback_submission", "contact", 98, 97),
    ("feedback_submission", "ticket", 100, 99),
)
_PLURAL = {"company": "companies"}


def _plural(singular: str) -> str:
    return _PLURAL.get(singular, f"{singular}s")


def _standard_types() -> dict[Pair, list[AssociationType]]:
    types: dict[Pair, list[AssociationType]] = {}
    for one, other, there, back in _PLAIN:
        types[_plural(one), _plural(other)] = [AssociationType(there, back, f"{one}_to_{other}")]
        types[_plural(other), _plural(one)] = [AssociationType(back, there, f"{other}_to_{one}")]
    for one, other, there, back, plain_there, plain_back in _WITH_PRIMARY:
        types[_plural(one), _plural(other)] = _both(f"{one}_to_{other}", there, back, plain_there, plain_back)
        types[_plural(other), _plural(one)] = _both(f"{other}_to_{one}", back, there, plain_back, plain_there)
    return types


def _both(name: str, there: int, back: int, plain_there: int, plain_back: int) -> list[AssociationType]:
    return [
        AssociationType(there, back, name, "Primary", primary=True),
        AssociationType(plain_there, plain_back, f"{name}_unlabeled"),
    ]


@dataclass
class Associations:
    """All links between records, readable from either side.

    Attributes:
        listener: Called with the ends of each link that is made or (True) removed.
    """

    types: dict[Pair, list[AssociationType]] = field(default_factory=_standard_types)
    _plain: dict[Pair, AssociationType] = field(init=False)
    _primary: dict[Pair, AssociationType] = field(init=False)
    _links: dict[Pair, dict[int, list[Link]]] = field(default_factory=dict)
    _next_label_id: int = 11
    listener: Callable[[Pair, int, int, bool], None] | None = None

    def __post_init__(self) -> None:
        kinds = [(pair, kind) for pair, listed in self.types.items() for kind in listed]
        self._plain = {pair: kind for pair, kind in kinds if kind.label is None}
        self._primary = {pair: kind for pair, kind in kinds if kind.primary}

    def type_of(self, pair: Pair, type_id: int) -> AssociationType | None:
        """The association type with that id between the two object types, in that direction."""
        return next((kind for kind in self.types.get(pair, ()) if kind.id == type_id), None)

    def default(self, pair: Pair) -> AssociationType | None:
        """The plain association between two object types."""
        return self._plain.get(pair)

    def add_label(self, pair: Pair, name: str, label: str) -> tuple[AssociationType, AssociationType]:
        """Add a label of the account's own; returns its type there and back."""
        one, other = self._next_label_id, self._next_label_id + 1
        self._next_label_id += 2
        there = AssociationType(one, other, name, label, "USER_DEFINED")
        back = AssociationType(other, one, name, label, "USER_DEFINED")
        self.types[pair].append(there)
        self.types[pair[1], pair[0]].append(back)
        return there, back

    def of(self, pair: Pair, from_id: int) -> list[Link]:
        """The links of one record to records of another type, oldest first."""
        return self._links.get(pair, {}).get(from_id, [])

    def all_from(self, from_type: str, from_id: int) -> Iterator[tuple[Pair, Link]]:
        """Every link of one record, to whichever type."""
        for pair, links in self._links.items():
            if pair[0] == from_type:
                for link in links.get(from_id, ()):
                    yield pair, link

    def sources(self, pair: Pair) -> Iterator[tuple[int, list[Link]]]:
        """Every record of the first type that has links to the second."""
        yield from self._links.get(pair, {}).items()

    def primary(self, pair: Pair, from_id: int) -> int | None:
        """The record's own company, for pairs that know a primary one."""
        kind = self._primary.get(pair)
        if kind is None:
            return None
        return next((to_id for to_id, type_id in self.of(pair, from_id) if type_id == kind.id), None)

    def link(self, pair: Pair, from_id: int, to_id: int, kind: AssociationType | None = None) -> None:
        """Associate two records; the plain association always comes with it. Safe to repeat.

        The first company of a contact, deal or ticket becomes its primary one, and a new primary one
        takes over from the one before.
        """
        self._tell(pair, from_id, to_id, removed=False)
        plain, primary = self._plain[pair], self._primary.get(pair)
        self._put(pair, from_id, to_id, plain)
        if primary is not None and (kind is None or kind.primary):
            self._make_primary(pair, from_id, to_id, primary, takes_over=kind is not None)
        elif kind is not None and kind is not plain:
            self._put(pair, from_id, to_id, kind)

    def _make_primary(
        self, pair: Pair, from_id: int, to_id: int, kind: AssociationType, *, takes_over: bool
    ) -> None:
        upward, child, company = pair, from_id, to_id
        if pair[1] != "companies":
            upward, child, company = (pair[1], pair[0]), to_id, from_id
        before = self.primary(upward, child)
        if before is not None and before != company and takes_over:
            self.unlink(upward, child, before, self._primary[upward].id)
        if before is None or before == company or takes_over:
            self._put(pair, from_id, to_id, kind)

    def unlink(self, pair: Pair, from_id: int, to_id: int, type_id: int | None = None) -> None:
        """Remove the links between two records: all, or those of one type."""
        self._tell(pair, from_id, to_id, removed=True)
        back = (pair[1], pair[0])
        kind = None if type_id is None else self.type_of(pair, type_id)
        self._remove(pair, from_id, to_id, type_id)
        self._remove(back, to_id, from_id, kind.back if kind is not None else None)

    def forget(self, type_name: str, record_id: int) -> None:
        """Remove every link of a record."""
        for pair, (to_id, _type_id) in list(self.all_from(type_name, record_id)):
            self.unlink(pair, record_id, to_id)

    def _tell(self, pair: Pair, from_id: int, to_id: int, *, removed: bool) -> None:
        """Say that a link was made or removed, to whoever was set."""
        if self.listener is not None:
            self.listener(pair, from_id, to_id, removed)

    def _put(self, pair: Pair, from_id: int, to_id: int, kind: AssociationType) -> None:
        links = self._links.setdefault(pair, {}).setdefault(from_id, [])
        if (to_id, kind.id) not in links:
            links.append((to_id, kind.id))
            back = self._links.setdefault((pair[1], pair[0]), {})
            back.setdefault(to_id, []).append((from_id, kind.back))

    def _remove(self, pair: Pair, from_id: int, to_id: int, type_id: int | None) -> None:
        links = self._links.get(pair, {}).get(from_id)
        if links is not None:
            links[:] = [link for link in links if link[0] != to_id or type_id not in (None, link[1])]
