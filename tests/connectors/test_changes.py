"""What has changed since a bookmark: nothing is lost to pages, to the index, or to writes meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from connectors.hubspot.changes import LOOK_BACK, modified_name, modified_since, newest_of
from connectors.stripe.changes import LOOK_BACK as SECONDS_BACK
from connectors.stripe.changes import events_since, is_kept, newest_event
from saaskpi.errors import MissingPermissionError, RejectedError

Json = dict[str, Any]


class Portal:
    """Searches like HubSpot: by filters, in one order, one page. ``writes`` happen between the pages."""

    def __init__(self, modified: dict[int, int], size: int = 200) -> None:
        self.modified = dict(modified)
        self.size = size
        self.writes: list[tuple[int, int]] = []
        self.calls = 0

    def search(
        self, object_type: str, groups: Sequence[Sequence[Json]], sort: str, names: Sequence[str], limit: int
    ) -> Json:
        assert names == [modified_name(object_type)]
        found = [id_ for id_ in self.modified if not groups or any(self._all(id_, one) for one in groups)]
        found.sort(key=lambda id_: self._value(id_, sort.lstrip("-")), reverse=sort.startswith("-"))
        page = [
            {"id": str(id_), "properties": {modified_name(object_type): str(self.modified[id_])}}
            for id_ in found[: min(limit, self.size)]
        ]
        self.calls += 1
        if self.writes:
            id_, at = self.writes.pop(0)
            self.modified[id_] = max(at, max(self.modified.values(), default=0) + 1)
        return {"total": len(found), "results": page}

    def _all(self, id_: int, filters: Sequence[Json]) -> bool:
        tests = {"GT": int.__gt__, "GTE": int.__ge__, "LTE": int.__le__}
        return all(
            tests[one["operator"]](self._value(id_, one["propertyName"]), int(one["value"]))
            for one in filters
        )

    def _value(self, id_: int, name: str) -> int:
        return id_ if name == "hs_object_id" else self.modified[id_]


TIMES = st.integers(10**9, 10**9 + 3 * LOOK_BACK)
OBJECTS = st.dictionaries(st.integers(1, 60), TIMES, max_size=25)
WRITES = st.lists(st.tuples(st.integers(1, 80), TIMES), max_size=8)


@given(OBJECTS, WRITES, st.integers(1, 4))
def test_two_searches_miss_no_write(
    objects: dict[int, int], writes: list[tuple[int, int]], size: int
) -> None:
    portal: Any = Portal(objects, size)
    mark = newest_of(portal, ["contacts"])["contacts"]
    before = dict(portal.modified)
    portal.writes = list(writes)
    first, mark = modified_since(portal, "contacts", mark)
    portal.writes.clear()
    second, _ = modified_since(portal, "contacts", mark)
    written = {str(id_) for id_, at in portal.modified.items() if before.get(id_) != at}
    assert written <= {*first, *second}
    assert len(set(first)) == len(first)


def test_records_dated_back_are_found_by_their_ids_and_an_idle_portal_takes_one_search() -> None:
    portal: Any = Portal({1: 10**10, 2: 10**10 - 2 * LOOK_BACK})
    mark = newest_of(portal, ["deals"])["deals"]
    assert mark == [10**10, 2]
    portal.modified[3] = 10**9
    portal.calls = 0
    assert modified_since(portal, "deals", mark) == (["1", "3"], [10**10, 3])
    assert portal.calls == 1
    assert newest_of(Portal({}), ["deals"]) == {"deals": [0, 0]}  # type: ignore[arg-type]


def test_types_that_only_health_is_made_from_may_be_refused() -> None:
    class Refusing(Portal):
        def search(self, object_type: str, *rest: Any) -> Json:
            if object_type == "tickets":
                raise MissingPermissionError("no", permission="tickets")
            return super().search(object_type, *rest)

    portal: Any = Refusing({7: 10**10})
    assert newest_of(portal, ["companies", "tickets"]) == {"companies": [10**10, 7]}


class Stripe:
    """Lists events like Stripe, newest first."""

    def __init__(self, events: list[Json]) -> None:
        self.events = events
        self.http = self

    def get(self, path: str, params: Json | None = None) -> Json:
        if path == "/v1/events":
            return {"data": self.events[: (params or {})["limit"]]}
        if path.removeprefix("/v1/events/") in {event["id"] for event in self.events}:
            return {}
        raise RejectedError("none", status=404)

    def list(self, path: str, params: Json) -> Any:
        assert path == "/v1/events"
        yield [event for event in self.events if event["created"] >= params.get("created[gte]", 0)]


def test_events_are_read_from_shortly_before_the_bookmark_as_long_as_stripe_keeps_it() -> None:
    old = {"id": "evt_1", "created": 1000}
    stripe: Any = Stripe([{"id": "evt_2", "created": 1000 + SECONDS_BACK}, old])
    mark = newest_event(stripe)
    assert mark == {"event": "evt_2", "created": 1000 + SECONDS_BACK}
    assert [len(page) for page in events_since(stripe, mark)] == [2]
    assert is_kept(stripe, mark)
    stripe.events = [{"id": "evt_9", "created": 9999}]
    assert not is_kept(stripe, mark)


def test_an_account_without_events_is_read_from_the_first_one_on() -> None:
    stripe: Any = Stripe([])
    mark = newest_event(stripe)
    assert is_kept(stripe, mark)
    stripe.events = [{"id": "evt_1", "created": 5}]
    assert [page[0]["id"] for page in events_since(stripe, mark)] == ["evt_1"]
