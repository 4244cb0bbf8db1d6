"""Pages of objects: cursors, creation ranges and filters, without reading more objects than needed."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.stripe_api.errors import ApiError, invalid_value, missing
from sandbox.stripe_api.objects import Objects, exists
from sandbox.stripe_api.params import Params, integer, string

DEFAULT_LIMIT = 10
MAX_LIMIT = 100

Test = Callable[[dict[str, Any]], bool]
Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Cursor:
    """Which page: at most ``limit`` rows after or before the row with an id (not both)."""

    limit: int = DEFAULT_LIMIT
    after: str | None = None
    before: str | None = None

    @classmethod
    def of(cls, params: Params) -> "Cursor":
        """Read ``limit``, ``starting_after`` and ``ending_before``.

        Raises:
            ApiError: 400 for a limit outside 1-100 or both cursors at once.
        """
        limit = integer("limit", params.get("limit", str(DEFAULT_LIMIT)))
        if limit < 1:
            raise _limit("This value must be greater than or equal to 1.")
        if limit > MAX_LIMIT:
            raise _limit(f"This value must be less than or equal to {MAX_LIMIT} (it currently is '{limit}').")
        after, before = params.get("starting_after"), params.get("ending_before")
        if after is not None and before is not None:
            message = "You can only use one of `starting_after` or `ending_before`."
            raise invalid_value("starting_after", message)
        return cls(
            limit,
            None if after is None else string("starting_after", after),
            None if before is None else string("ending_before", before),
        )


def _limit(message: str) -> ApiError:
    return ApiError(400, message, code="parameter_invalid_integer", param="limit")


@dataclass
class Query:
    """What a list request asks for: a base of ids from an index, a creation range and tests on the object.

    Attributes:
        kind: The kind of the rows.
        base: Candidate ids, oldest first; the smallest index that applies.
        tests: What each candidate has to pass.
        low: Lowest creation time, Unix seconds, inclusive.
        high: Highest creation time, Unix seconds, exclusive.
    """

    objects: Objects
    kind: str
    base: Sequence[str] = field(init=False)
    tests: list[Test] = field(default_factory=list)
    low: int | None = None
    high: int | None = None

    def __post_init__(self) -> None:
        self.base = self.objects.ids(self.kind)

    def narrow(self, index: str, value: str) -> None:
        """Take the candidates from an index when that leaves fewer."""
        ids = self.objects.where(self.kind, index, value)
        if len(ids) < len(self.base):
            self.base = ids

    def within(self, low: int | None, high: int | None) -> None:
        """Keep to a creation range [low, high)."""
        if low is not None:
            self.low = low if self.low is None else max(self.low, low)
        if high is not None:
            self.high = high if self.high is None else min(self.high, high)

    def page(self, cursor: Cursor) -> tuple[Rows, bool]:
        """The whole objects of one page, newest first, and whether more follow in that direction.

        Raises:
            ApiError: 400 ``resource_missing`` for a cursor that names no object.
        """
        start, end = self._span(cursor)
        backwards = cursor.before is None
        positions = range(end - 1, start - 1, -1) if backwards else range(start, end)
        rows: Rows = []
        for position in positions:
            row = self._candidate(self.base[position])
            if row is not None:
                if len(rows) == cursor.limit:
                    return rows if backwards else rows[::-1], True
                rows.append(row)
        return rows if backwards else rows[::-1], False

    def _candidate(self, object_id: str) -> dict[str, Any] | None:
        row = self.objects.get(self.kind, object_id)
        return row if row is not None and all(test(row) for test in self.tests) else None

    def _span(self, cursor: Cursor) -> tuple[int, int]:
        start = 0 if self.low is None else self._first_at(self.low)
        end = len(self.base) if self.high is None else self._first_at(self.high)
        if cursor.after is not None:
            end = min(end, self._position(cursor.after, "starting_after"))
        if cursor.before is not None:
            start = max(start, self._position(cursor.before, "ending_before") + 1)
        return start, end

    def _first_at(self, created: int) -> int:
        return bisect_left(self.base, created, key=lambda i: self.objects.created(self.kind, i))

    def _position(self, object_id: str, param: str) -> int:
        if not exists(self.objects, self.kind, object_id):
            raise missing(self.kind, object_id, param=param, status=400)
        created = self.objects.created(self.kind, object_id)
        first = self._first_at(created)
        for position in range(first, len(self.base)):
            if self.base[position] == object_id:
                return position
            if self.objects.created(self.kind, self.base[position]) != created:
                break
        return first


def page_of_rows(kind: str, rows: Rows, cursor: Cursor) -> tuple[Rows, bool]:
    """One page of a list that is held whole (a sub-list), in its own order.

    Raises:
        ApiError: 400 ``resource_missing`` for a cursor that names no row.
    """
    ids = [row["id"] for row in rows]
    start, end = 0, len(rows)
    if cursor.after is not None:
        start = _index(kind, ids, cursor.after, "starting_after") + 1
    if cursor.before is not None:
        end = _index(kind, ids, cursor.before, "ending_before")
        start = max(0, end - cursor.limit)
        return rows[start:end], start > 0
    return rows[start : start + cursor.limit], end > start + cursor.limit


def _index(kind: str, ids: Sequence[str], object_id: str, param: str) -> int:
    try:
        return ids.index(object_id)
    except ValueError:
        raise missing(kind, object_id, param=param, status=400) from None
