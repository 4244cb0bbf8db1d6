"""What the HTTP layer needs of the billing engine: objects by kind and id, in order of creation."""

from collections.abc import Sequence
from typing import Any, Protocol


class Objects(Protocol):
    """The store of Stripe objects; ``kind`` is the value of Stripe's own ``object`` field."""

    def ids(self, kind: str) -> Sequence[str]:
        """All ids, oldest first."""
        ...

    def created(self, kind: str, object_id: str, /) -> int:
        """When an object was created, Unix seconds."""
        ...

    def get(self, kind: str, object_id: str, /) -> dict[str, Any] | None:
        """The whole object: references as ids, sub-lists whole, what is shown on request included.

        None when there is no such object, or it was deleted.
        """
        ...

    def where(self, kind: str, field: str, value: str) -> Sequence[str]:
        """The ids with this value in an indexed field, oldest first."""
        ...

    def deleted(self, kind: str, object_id: str, /) -> bool:
        """Whether the object existed and was deleted."""
        ...


def exists(objects: Objects, kind: str, object_id: str) -> bool:
    """Whether an id may be named in a filter or a cursor: deleted objects may."""
    return objects.get(kind, object_id) is not None or objects.deleted(kind, object_id)
