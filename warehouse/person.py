"""What a person is known by, and how texts are freed of it. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import product
from typing import Any, Final
from urllib.parse import quote

ERASED: Final = "[erased]"
_EMAIL: Final = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w-]+(?:\.[\w-]+)+")
_SHORTEST_ID = _SHORTEST_PHONE = 7
"""Digits; a shorter number stands for too many other things to be looked for in texts."""
_MERGED: Final = ("hs_merged_object_ids", "hs_calculated_merged_vids")
_SHORTEST_NAME: Final = 3
_NOT_ITS_OWN: Final = "".join(
    f"(?<!{own}{space}{mark})"
    for own in ('"id":', '"hs_object_id":')
    for space in ("", " ")
    for mark in ("", '"')
)
"""What has the number as its own id is another object."""
_Part = tuple[str, str, str]
"""What must stand before, the pattern itself, and what must stand after."""


@dataclass(frozen=True)
class Person:
    """A person, or several.

    Attributes:
        ids: of the HubSpot contact, those merged into it too.
        emails: addresses, the former ones too.
        first_names, last_names: a person is looked for by both together; by one of them only in what is
            linked to the contact.
        phones: numbers as they were written.
    """

    ids: frozenset[str] = frozenset()
    emails: frozenset[str] = frozenset()
    first_names: frozenset[str] = frozenset()
    last_names: frozenset[str] = frozenset()
    phones: frozenset[str] = frozenset()

    def __or__(self, other: Person) -> Person:
        """Return both."""
        return Person(*(getattr(self, one.name) | getattr(other, one.name) for one in fields(self)))

    def as_dict(self) -> dict[str, list[str]]:
        """Return it for JSON."""
        return {one.name: sorted(getattr(self, one.name)) for one in fields(self)}

    @classmethod
    def from_dict(cls, told: Mapping[str, Iterable[str]]) -> Person:
        """Return what :meth:`as_dict` gave."""
        return cls(**{name: frozenset(values) for name, values in told.items()})

    @classmethod
    def from_properties(cls, contact_id: str, properties: Mapping[str, Any]) -> Person:
        """Return what a contact's HubSpot properties tell."""
        texts = {name: str(value).strip() for name, value in properties.items() if value not in (None, "")}
        merged = ";".join(
            texts.get(name, "") for name in ("hs_merged_object_ids", "hs_calculated_merged_vids")
        )
        addresses = [text for name, text in texts.items() if "email" in name]
        return cls(
            ids=frozenset({contact_id, *re.findall(r"\d+", re.sub(r":\d+", "", merged))}),
            emails=frozenset(found.lower() for text in addresses for found in _EMAIL.findall(text)),
            first_names=frozenset({texts["firstname"]} if "firstname" in texts else ()),
            last_names=frozenset({texts["lastname"]} if "lastname" in texts else ()),
            phones=frozenset(text for name, text in texts.items() if "phone" in name),
        )

    def is_in(self, text: str, *, near: bool = False) -> bool:
        """Tell whether a text names the person; ``near`` as in :meth:`taken_out`."""
        return bool((self._near if near else self._far).search(text))

    def taken_out(self, text: str, *, near: bool = False) -> str:
        """Return a text without the person; JSON stays JSON.

        Args:
            text: any text, or JSON.
            near: it is linked to the contact, so that a first or last name alone is meant too.
        """
        without = self._bare_id.sub("null", text)
        return (self._near if near else self._far).sub(ERASED, without)

    @cached_property
    def hint(self) -> str:
        """A pattern without looking around, for a first and fast search: it may find too much."""
        parts = [form for _, form, _ in (*self._parts, *self._single_names)]
        return "|".join(sorted({*parts, *map(re.escape, self.ids)})) or "[^\\s\\S]"

    @cached_property
    def _far(self) -> re.Pattern[str]:
        return _any_of(self._parts)

    @cached_property
    def _near(self) -> re.Pattern[str]:
        return _any_of([*self._parts, *self._single_names])

    @cached_property
    def _bare_id(self) -> re.Pattern[str]:
        """An id as a number in JSON."""
        return _any_of(
            [(rf"{_NOT_ITS_OWN}(?:(?<=[:\[,])|(?<=[:\[,] ))", form, r"(?=[,\]}])") for form in self._long_ids]
        )

    @cached_property
    def _parts(self) -> list[_Part]:
        names = {
            form
            for first, last in product(self.first_names, self.last_names)
            for form in (f"{first} {last}", f"{last} {first}", f"{last}, {first}", f"{first}.{last}")
        }
        emails = _forms({*self.emails, *map(quote, self.emails)})
        return [
            *((r"(?<![\w.+-])", form, r"(?!\w)") for form in emails),
            *((r"(?<!\w)", form, r"(?!\w)") for form in _forms(names)),
            *((r"(?<!\d)", form, r"(?!\d)") for form in map(_phone, self.phones) if form),
            *((rf"{_NOT_ITS_OWN}(?<![\w.])", form, r"(?![\w.])") for form in self._long_ids),
        ]

    @property
    def _single_names(self) -> list[_Part]:
        single = {name for name in self.first_names | self.last_names if len(name) >= _SHORTEST_NAME}
        return [(r"(?<!\w)", form, r"(?!\w)") for form in _forms(single)]

    @property
    def _long_ids(self) -> list[str]:
        return [re.escape(one) for one in self.ids if len(one) >= _SHORTEST_ID]


def _any_of(parts: Iterable[_Part]) -> re.Pattern[str]:
    listed = sorted(set(parts), key=lambda part: (-len(part[1]), part))
    return re.compile("|".join(map("".join, listed)) or r"(?!)", re.IGNORECASE)


def _forms(texts: Iterable[str]) -> set[str]:
    """Return patterns of texts as they stand in text, in JSON, and in JSON within JSON."""
    found = set()
    for text in texts:
        form = text
        for _ in range(3):
            found |= {re.escape(form), re.escape(json.dumps(form, ensure_ascii=False)[1:-1])}
            form = json.dumps(form)[1:-1]
    return found


def _phone(written: str) -> str:
    digits = re.sub(r"\D", "", written)
    return r"[\s().\-/]*".join(digits) if len(digits) >= _SHORTEST_PHONE else ""
