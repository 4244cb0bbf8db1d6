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
        """The whole object: references as ids, sub-lists whole, what is shown on request included."""
        ...

    def where(self, kind: str, field: str, value: str) -> Sequence[str]:
        """The ids with this value in an indexed field, oldest first."""
        ...

    def deleted(self, kind: str, object_id: str, /) -> bool:
        """Whether the object was deleted; ``get`` then still gives its last state."""
        ...
