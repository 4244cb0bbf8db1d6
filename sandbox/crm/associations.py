"""Associations between records: HubSpot's own types, labels that an account adds, and the links."""

from collections.abc import Iterator
from dataclasses import dataclass, field

Pair = tuple[str, str]
Link = tuple[int, int]
"""The other record's id, and the association type's id."""


@dataclass(frozen=True, slots=True)
class AssociationType:
    """One direction of one way to associate two object types.

    Attributes:
        id: HubSpot's ``associationTypeId``.
        name: Its name in inline associations, for example "contact_to_company".
        label: The label shown, or None for the plain association.
        category: "HUBSPOT_DEFINED" or "USER_DEFINED".
        primary: True for the one company that counts as the record's own.
    """

    id: int
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
        types[_plural(one), _plural(other)] = [AssociationType(there, f"{one}_to_{other}")]
        types[_plural(other), _plural(one)] = [AssociationType(back, f"{other}_to_{one}")]
    for one, other, there, back, plain_there, plain_back in _WITH_PRIMARY:
        types[_plural(one), _plural(other)] = [
            AssociationType(there, f"{one}_to_{other}", "Primary", primary=True),
            AssociationType(plain_there, f"{one}_to_{other}_unlabeled"),
        ]
        types[_plural(other), _plural(one)] = [
            AssociationType(back, f"{other}_to_{one}", "Primary", primary=True),
            AssociationType(plain_back, f"{other}_to_{one}_unlabeled"),
        ]
    return types


@dataclass
class Associations:
    """All links between records, readable from either side."""

    types: dict[Pair, list[AssociationType]] = field(default_factory=_standard_types)
    _links: dict[Pair, dict[int, list[Link]]] = field(default_factory=dict)
    _next_label_id: int = 11

    def type_of(self, pair: Pair, type_id: int) -> AssociationType | None:
        """The association type with that id between the two object types, in that direction."""
        return next((kind for kind in self.types.get(pair, ()) if kind.id == type_id), None)

    def default(self, pair: Pair) -> AssociationType | None:
        """The plain association between two object types."""
        return next((kind for kind in self.types.get(pair, ()) if kind.label is None), None)

    def add_label(self, pair: Pair, name: str, label: str) -> tuple[AssociationType, AssociationType]:
        """Add a label of the account's own; returns its type there and back."""
        there = AssociationType(self._next_label_id, name, label, "USER_DEFINED")
        back = AssociationType(self._next_label_id + 1, name, label, "USER_DEFINED")
        self._next_label_id += 2
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
        kinds = self.types.get(pair)
        if not kinds or not kinds[0].primary:
            return None
        return next((to_id for to_id, type_id in self.of(pair, from_id) if type_id == kinds[0].id), None)

    def link(self, pair: Pair, from_id: int, to_id: int, kind: AssociationType | None = None) -> None:
        """Associate two records; the plain association always comes with it. Safe to repeat.

        The first company of a contact, deal or ticket becomes its primary one, and a new primary one
        takes over from the one before.
        """
        plain = self.default(pair)
        if plain is not None:
            self._put(pair, from_id, to_id, plain)
        primary = self.types[pair][0]
        if kind is None and primary.primary and self._one_company(pair, from_id, to_id, primary):
            kind = primary
        if kind is not None and kind is not plain:
            if kind.primary:
                self._drop_other_primary(pair, from_id, to_id, kind)
            self._put(pair, from_id, to_id, kind)

    def unlink(self, pair: Pair, from_id: int, to_id: int, type_id: int | None = None) -> None:
        """Remove the links between two records: all, or those of one type."""
        back = (pair[1], pair[0])
        back_id = None if type_id is None else self._back(pair, type_id)
        self._remove(pair, from_id, to_id, type_id)
        self._remove(back, to_id, from_id, back_id)

    def forget(self, type_name: str, record_id: int) -> None:
        """Remove every link of a record."""
        for pair, (to_id, _type_id) in list(self.all_from(type_name, record_id)):
            self.unlink(pair, record_id, to_id)

    def _one_company(self, pair: Pair, from_id: int, to_id: int, primary: AssociationType) -> bool:
        """Whether neither side of a company link has a primary company yet."""
        child, parent = (from_id, to_id) if pair[1] == "companies" else (to_id, from_id)
        upward = pair if pair[1] == "companies" else (pair[1], pair[0])
        return primary.primary and self.primary(upward, child) in (None, parent)

    def _drop_other_primary(self, pair: Pair, from_id: int, to_id: int, kind: AssociationType) -> None:
        upward = pair if pair[1] == "companies" else (pair[1], pair[0])
        child, parent = (from_id, to_id) if pair[1] == "companies" else (to_id, from_id)
        before = self.primary(upward, child)
        if before is not None and before != parent:
            self.unlink(upward, child, before, kind.id if upward == pair else self._back(pair, kind.id))

    def _back(self, pair: Pair, type_id: int) -> int:
        """The id of the same association type in the other direction."""
        place = [kind.id for kind in self.types[pair]].index(type_id)
        return self.types[pair[1], pair[0]][place].id

    def _put(self, pair: Pair, from_id: int, to_id: int, kind: AssociationType) -> None:
        links = self._links.setdefault(pair, {}).setdefault(from_id, [])
        if (to_id, kind.id) not in links:
            links.append((to_id, kind.id))
            back = (to_id, from_id, self._back(pair, kind.id))
            self._links.setdefault((pair[1], pair[0]), {}).setdefault(back[0], []).append((back[1], back[2]))

    def _remove(self, pair: Pair, from_id: int, to_id: int, type_id: int | None) -> None:
        links = self._links.get(pair, {}).get(from_id)
        if links is not None:
            links[:] = [link for link in links if link[0] != to_id or type_id not in (None, link[1])]
