"""The filters that list endpoints know; each checks its value and narrows the query."""

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from functools import reduce
from typing import Any

from sandbox.stripe_api.errors import invalid_value, missing
from sandbox.stripe_api.lists import Query
from sandbox.stripe_api.objects import exists
from sandbox.stripe_api.params import boolean, bounds, choice, string, strings

Filter = Callable[[Query, str, Any], None]


def read(row: Any, path: str) -> Any:
    """The value at a dotted path, None where a part is missing or null."""
    return reduce(
        lambda value, part: value.get(part) if isinstance(value, dict) else None, path.split("."), row
    )


def created(query: Query, name: str, value: Any) -> None:
    """The creation time: one timestamp or a range."""
    query.within(*bounds(name, value))


def span(path: str) -> Filter:
    """A range on another timestamp (Unix seconds); objects without one do not match."""

    def apply(query: Query, name: str, value: Any) -> None:
        low, high = bounds(name, value)
        query.tests.append(lambda row: _inside(read(row, path), low, high))

    return apply


def _inside(value: Any, low: int | None, high: int | None) -> bool:
    return value is not None and (low is None or value >= low) and (high is None or value < high)


def reference(kind: str, path: str = "") -> Filter:
    """Objects that point to another one; an id that does not exist is refused.

    ``path`` is where the object holds that id; the index has the parameter's name.
    """

    def apply(query: Query, name: str, value: Any) -> None:
        wanted = string(name, value)
        if not exists(query.objects, kind, wanted):
            raise missing(kind, wanted, param=name, status=400)
        query.narrow(name, wanted)
        query.tests.append(lambda row: read(row, path or name) == wanted)

    return apply


def plain(path: str = "") -> Filter:
    """Objects whose field equals the text."""

    def apply(query: Query, name: str, value: Any) -> None:
        wanted = string(name, value)
        query.tests.append(lambda row: read(row, path or name) == wanted)

    return apply


def nothing_has(query: Query, name: str, value: Any) -> None:
    """A filter on something that no object of the sandbox has: the list is empty."""
    string(name, value)
    query.tests.append(lambda _: False)


def one_of(*allowed: str, indexed: bool = False) -> Filter:
    """Objects whose field equals one of a fixed set of texts; another value is refused."""

    def apply(query: Query, name: str, value: Any) -> None:
        wanted = choice(name, value, allowed)
        if indexed:
            query.narrow(name, wanted)
        query.tests.append(lambda row: row.get(name) == wanted)

    return apply


def flag(path: str = "") -> Filter:
    """Objects whose field is true or false."""

    def apply(query: Query, name: str, value: Any) -> None:
        wanted = boolean(name, value)
        query.tests.append(lambda row: read(row, path or name) is wanted)

    return apply


def active_unless_asked(query: Query, name: str, value: Any) -> None:
    """Active objects, or the others when the request says so: as the document has it for prices."""
    flag()(query, name, "true" if value is None else value)


def any_of(path: str) -> Filter:
    """Objects whose field is among the texts sent as ``name[]``."""

    def apply(query: Query, name: str, value: Any) -> None:
        wanted = strings(name, value)
        query.tests.append(lambda row: read(row, path) in wanted)

    return apply


def event_types(query: Query, name: str, value: Any) -> None:
    """Events of one type (``*`` is a wildcard), or of one of up to twenty."""
    patterns: Sequence[str] = strings(name, value) if name == "types" else [string(name, value)]
    query.tests.append(lambda row: any(fnmatchcase(row["type"], pattern) for pattern in patterns))


SUBSCRIPTION_STATUSES = (
    "active",
    "all",
    "canceled",
    "ended",
    "incomplete",
    "incomplete_expired",
    "past_due",
    "paused",
    "trialing",
    "unpaid",
)


def subscription_status(query: Query, name: str, value: Any) -> None:
    """A status, ``ended`` (canceled or never paid), ``all``, or by default all but the canceled ones."""
    if value is None:
        query.tests.append(lambda row: row["status"] != "canceled")
        return
    wanted = choice(name, value, SUBSCRIPTION_STATUSES)
    if wanted == "ended":
        query.tests.append(lambda row: row["status"] in ("canceled", "incomplete_expired"))
    elif wanted != "all":
        query.narrow("status", wanted)
        query.tests.append(lambda row: row["status"] == wanted)


def subscription_price(query: Query, name: str, value: Any) -> None:
    """Subscriptions with an item of this price."""
    wanted = string(name, value)
    if query.objects.get("price", wanted) is None:
        raise missing("price", wanted, param=name, status=400)
    query.narrow(name, wanted)
    query.tests.append(lambda row: any(item["price"]["id"] == wanted for item in row["items"]["data"]))


def subscription_period(bound: str) -> Filter:
    """Subscriptions with an item whose current period begins or ends in a range."""

    def apply(query: Query, name: str, value: Any) -> None:
        low, high = bounds(name, value)
        query.tests.append(lambda row: any(_inside(item[bound], low, high) for item in row["items"]["data"]))

    return apply


def price_recurring(query: Query, name: str, value: Any) -> None:
    """Prices by ``recurring[interval]``, ``recurring[usage_type]`` or ``recurring[meter]``."""
    if not isinstance(value, dict):
        raise invalid_value(name, f"Invalid object: {name}")
    query.tests.append(
        lambda row: all(read(row, f"{name}.{part}") == wanted for part, wanted in value.items())
    )
