"""Property definitions: which properties a CRM object has, and of which type."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

FIELD_TYPES: Mapping[str, frozenset[str]] = {
    "bool": frozenset({"booleancheckbox", "calculation_equation"}),
    "date": frozenset({"date"}),
    "datetime": frozenset({"date"}),
    "enumeration": frozenset({"booleancheckbox", "checkbox", "radio", "select", "calculation_equation"}),
    "number": frozenset({"number", "calculation_equation"}),
    "phone_number": frozenset({"phonenumber"}),
    "string": frozenset({"file", "html", "phonenumber", "text", "textarea", "calculation_equation"}),
}
"""The field types that go with each type; every other pair is refused."""

MAX_UNIQUE = 10
MAX_CUSTOM = 1_000


@dataclass(frozen=True, slots=True)
class Option:
    """One choice of an enumeration; ``value`` is what the API stores."""

    label: str
    value: str
    display_order: int = -1
    hidden: bool = False
    description: str = ""


@dataclass(frozen=True, slots=True)
class PropertyDefinition:
    """A property of one object type. Times are milliseconds since 1970 UTC."""

    name: str
    label: str
    type: str
    field_type: str
    group: str
    options: tuple[Option, ...] = ()
    description: str = ""
    unique: bool = False
    read_only: bool = False
    calculated: bool = False
    hubspot_defined: bool = False
    hidden: bool = False
    form_field: bool = False
    display_order: int = -1
    external: str = ""
    """Where valid values live outside the definition: "OWNER", "PIPELINE" or "STAGE"."""
    created_at: int = 0
    updated_at: int = 0
    archived_at: int | None = None

    @property
    def is_multiple(self) -> bool:
        """True for multi-checkboxes, whose value is ``a;b``."""
        return self.type == "enumeration" and self.field_type == "checkbox"


@dataclass(frozen=True, slots=True)
class Group:
    """A property group."""

    name: str
    label: str
    display_order: int = -1


@dataclass
class Catalog:
    """The groups and definitions of one object type, archived ones included."""

    groups: dict[str, Group] = field(default_factory=dict)
    _all: dict[str, PropertyDefinition] = field(default_factory=dict)

    def add(self, definitions: Iterable[PropertyDefinition]) -> None:
        """Add definitions or replace those of the same name."""
        self._all.update((definition.name, definition) for definition in definitions)

    def get(self, name: str) -> PropertyDefinition | None:
        """The live definition of that name."""
        found = self._all.get(name)
        return found if found is not None and found.archived_at is None else None

    def archived(self, name: str) -> PropertyDefinition | None:
        """The archived definition of that name."""
        found = self._all.get(name)
        return found if found is not None and found.archived_at is not None else None

    def live(self) -> list[PropertyDefinition]:
        """Every live definition, by name."""
        return sorted((d for d in self._all.values() if d.archived_at is None), key=lambda d: d.name)

    def all_archived(self) -> list[PropertyDefinition]:
        """Every archived definition, by name."""
        return sorted((d for d in self._all.values() if d.archived_at is not None), key=lambda d: d.name)

    def archive(self, name: str, now: int) -> None:
        """Archive a live definition."""
        self._all[name] = replace(self._all[name], archived_at=now, updated_at=now)

    def unique_names(self) -> list[str]:
        """Live properties whose values are unique."""
        return [d.name for d in self._all.values() if d.unique and d.archived_at is None]

    def custom_count(self) -> int:
        """How many live properties the account itself has added."""
        return sum(1 for d in self._all.values() if not d.hubspot_defined and d.archived_at is None)
