"""Reads HubSpot: objects with all their properties, associations, owners, pipelines, the portal."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

from connectors.http import HttpClient, Json, JsonRows, Refusal, Vendor
from connectors.rate_limiter import RateLimiter
from saaskpi.errors import MissingPermissionError, RejectedError, UnavailableError

T = TypeVar("T")

API_VERSION = "2026-03"
PAGE = 100
BATCH = 100
"""Inputs of one batch call on objects."""
ASSOCIATION_BATCH = 1000
"""Inputs of one associations batch read."""
REQUESTS_PER_10_SECONDS = 100
"""HubSpot's lowest limit per app."""
SEARCHES_PER_SECOND = 5
"""HubSpot's limit on searches, beside the other one."""
LONGEST_QUERY = 7_500
"""Characters of property names in a URL; servers refuse addresses above 8,000 (414)."""

OBJECT_TYPES = (
    "companies", "contacts", "deals", "tickets", "calls", "emails", "meetings", "notes", "tasks",
    "feedback_submissions",
)  # fmt: skip
OPTIONAL_TYPES = ("feedback_submissions",)
"""Objects that portals without the feature do not have."""
HEALTH_TYPES = ("deals", "tickets", "calls", "emails", "meetings", "notes", *OPTIONAL_TYPES)
"""Objects that only the health score and the flags are made from: a pull goes on without them."""
PIPELINE_TYPES = ("deals", "tickets")

SCOPE_FIELDS = ("requiredGranularScopes", "requiredScopes", "missingScopes")
"""Where a 403 names the scopes, the finest first."""
NOTHING_FOUND = ("NO_ASSOCIATIONS_FOUND", "OBJECT_NOT_FOUND")


def _read_error(body: Json) -> Refusal:
    """Read HubSpot's error body: scopes of a 403, and a 429 that only the next day will lift."""
    scopes: list[str] = []
    for error in body.get("errors") or []:
        context = error.get("context")
        if isinstance(context, dict):
            scopes += next((context[name] for name in SCOPE_FIELDS if context.get(name)), [])
    message = str(body.get("message", ""))
    named = re.search(r"requires (?:all|any) of \[([^\]]+)\]", message)
    scopes = scopes or (named[1].split(", ") if named else [])
    permission = f"the scope {' or '.join(dict.fromkeys(scopes))}" if scopes else ""
    return Refusal(message, permission, final=body.get("policyName") == "DAILY")


HUBSPOT = Vendor(
    name="HubSpot",
    key_hint="the HubSpot access token (HUBSPOT_ACCESS_TOKEN; hubspot_access_token in the tap's config)",
    base_hint="hubspot.api_base (hubspot_api_base in the tap's config)",
    permission_hint="to the private app or service key in HubSpot under Settings > Integrations",
    read_error=_read_error,
)


@dataclass(frozen=True, slots=True)
class Portal:
    """Whose token it is. ``currency`` is the portal's own, ISO 4217 in capitals."""

    id: str
    name: str
    currency: str
    time_zone: str


class HubSpotClient:
    """Reads one HubSpot portal.

    Args:
        access_token: of a private app, a project app or a service key.
        api_base: HubSpot, a proxy or the sandbox.
        api_version: of the date-versioned paths.
        limiter: shared by every client of this portal.
        searches: limits searches, beside ``limiter``.
        sleep: waits between tries.
    """

    def __init__(
        self,
        access_token: str,
        api_base: str = "https://api.hubapi.com",
        api_version: str = API_VERSION,
        *,
        limiter: RateLimiter | None = None,
        searches: RateLimiter | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.version = api_version
        self.http = HttpClient(
            api_base,
            access_token,
            vendor=HUBSPOT,
            limiter=limiter or RateLimiter(REQUESTS_PER_10_SECONDS, 10.0),
            sleep=sleep,
        )
        self._searches = searches or RateLimiter(SEARCHES_PER_SECOND)
        self._properties: dict[str, dict[str, Json]] = {}

    def path(self, area: str, rest: str = "") -> str:
        """Build a versioned path: ``path("objects", "deals")`` is ``/crm/objects/2026-03/deals``."""
        return f"/crm/{area}/{self.version}{'/' + rest if rest else ''}"

    def list(
        self, path: str, params: Mapping[str, Any] | None = None, limit: int = PAGE
    ) -> Iterator[JsonRows]:
        """Read a list to its end.

        Yields:
            The rows of each page.
        """
        after = None
        while True:
            page = self.http.get(path, {**(params or {}), "limit": limit, "after": after})
            yield page["results"]
            after = _next(page)
            if after is None:
                return

    def properties(self, object_type: str, *, refresh: bool = False) -> dict[str, Json]:
        """Definitions of an object's properties by name, as the portal has them now (then remembered).

        Args:
            object_type: such as ``companies``.
            refresh: ask again.
        """
        if refresh or object_type not in self._properties:
            found = self.http.get(self.path("properties", object_type))["results"]
            self._properties[object_type] = {definition["name"]: definition for definition in found}
        return self._properties[object_type]

    def objects(self, object_type: str, names: Sequence[str]) -> Iterator[JsonRows]:
        """Read every unarchived object of a type.

        One list call per 100 objects; when the names of the properties do not fit into a URL, the list
        gives only ids and a batch read per page fetches the rest.

        Args:
            object_type: such as ``companies``.
            names: properties to read.

        Yields:
            Pages of objects as HubSpot answers them.
        """
        path = self.path("objects", object_type)
        joined = ",".join(names)
        if len(quote(joined, safe="")) <= LONGEST_QUERY:
            yield from self.list(path, {"properties": joined or None, "archived": "false"})
            return
        for page in self.list(path, {"properties": "hs_object_id", "archived": "false"}):
            yield self._read_batch(path, [row["id"] for row in page], names) if page else []

    def objects_by_id(self, object_type: str, ids: Sequence[str], names: Sequence[str]) -> JsonRows:
        """Read unarchived objects by their ids; one that is not there any more is left out.

        An object that was merged answers under the id of the one that stands for it now.

        Args:
            object_type: such as ``companies``.
            ids: at most 100.
            names: properties to read.
        """
        return self._read_batch(self.path("objects", object_type), ids, names)

    def search(
        self, object_type: str, groups: Sequence[Sequence[Json]], sort: str, names: Sequence[str], limit: int
    ) -> Json:
        """Search once; objects written within the last seconds may not be found yet.

        Args:
            object_type: such as ``companies``.
            groups: of filters, of which at least one must hold as a whole; none for every object.
            sort: a property, descending with "-" before it.
            names: properties to read.
            limit: at most 200 results.

        Returns:
            ``{"total": ..., "results": [...]}``.
        """
        self._searches.acquire()
        direction = "DESCENDING" if sort.startswith("-") else "ASCENDING"
        body: Json = {
            "filterGroups": [{"filters": list(filters)} for filters in groups],
            "sorts": [{"propertyName": sort.removeprefix("-"), "direction": direction}],
            "properties": list(names),
            "limit": limit,
        }
        return self.http.post(self.path("objects", f"{object_type}/search"), body, repeatable=True)[1]

    def associations(self, from_type: str, to_type: str, ids: Sequence[str]) -> Iterator[Json]:
        """Read where objects are linked to, with every type of link.

        Args:
            from_type: type of ``ids``, such as ``contacts``.
            to_type: type of the other end.
            ids: any number.

        Yields:
            ``{"from_id", "to_id", "type_id", "category", "label"}``.

        Raises:
            UnavailableError: HubSpot could not read some of them.
        """
        path = self.path("associations", f"{from_type}/{to_type}/batch/read")
        for part in chunks([{"id": id_} for id_ in ids], ASSOCIATION_BATCH):
            inputs = part
            while inputs:
                body = self.http.post(path, {"inputs": inputs}, repeatable=True)[1]
                check_partial(path, body)
                for found in body["results"]:
                    yield from _links(found)
                inputs = [
                    {"id": found["from"]["id"], "after": after}
                    for found in body["results"]
                    if (after := _next(found)) is not None
                ]

    def owners(self) -> Iterator[JsonRows]:
        """Read the owners, those who left (archived) last."""
        for archived in ("false", "true"):
            yield from self.list(self.path("owners"), {"archived": archived}, limit=500)

    def pipelines(self, object_type: str) -> JsonRows:
        """Read the pipelines of ``deals`` or ``tickets`` with their stages."""
        found: JsonRows = self.http.get(self.path("pipelines", object_type))["results"]
        return found

    def portal(self) -> Portal:
        """Tell whose token this is.

        Raises:
            AccessError: the token is refused.
        """
        found = self.http.get(f"/account-info/{self.version}/details")
        id_ = str(found["portalId"])
        name = f"{found.get('uiDomain', '')} portal {id_}".strip()
        return Portal(id_, name, found.get("companyCurrency", ""), found.get("timeZone", "UTC"))

    def missing_scopes(self, object_types: Sequence[str]) -> dict[str, str]:
        """Try one row of the objects, their definitions and the owners.

        Args:
            object_types: such as ``companies``.

        Returns:
            For each resource that is refused, what the token lacks. Empty when it may read all.
        """
        asked: dict[str, tuple[str, Json]] = {"owners": (self.path("owners"), {"limit": 1})}
        for kind in object_types:
            asked[kind] = self.path("objects", kind), {"limit": 1}
            asked[f"properties of {kind}"] = self.path("properties", kind), {}
        missing = {}
        for resource, (path, params) in asked.items():
            try:
                self.http.get(path, params)
            except MissingPermissionError as error:
                missing[resource] = error.permission or f"read access to {resource}"
        return missing

    def refusal(self, object_type: str) -> str:
        """Try the definitions and one row of a type; return why they cannot be read, "" when they can.

        Args:
            object_type: such as ``tickets``.
        """
        try:
            self.properties(object_type)
            self.http.get(self.path("objects", object_type), {"limit": 1})
        except MissingPermissionError as error:
            return f"the token lacks {error.permission or f'read access to {object_type}'}"
        except RejectedError as error:
            if error.status in (400, 404):
                return "this portal does not offer it"
            raise
        return ""

    def _read_batch(self, path: str, ids: Sequence[str], names: Sequence[str]) -> JsonRows:
        """Read objects by id; one that was deleted since it was listed is left out."""
        inputs = [{"id": id_} for id_ in ids]
        body = {"inputs": inputs, "properties": list(names), "propertiesWithHistory": []}
        answer = self.http.post(f"{path}/batch/read", body, repeatable=True)[1]
        check_partial(path, answer)
        found: JsonRows = answer["results"]
        return found


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Cut ``items`` into parts of at most ``size``."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _next(page: Mapping[str, Any]) -> str | None:
    after: str | None = ((page.get("paging") or {}).get("next") or {}).get("after")
    return after


def _links(found: Json) -> Iterator[Json]:
    from_id = str(found["from"]["id"])
    for other in found["to"]:
        for kind in other["associationTypes"]:
            yield {
                "from_id": from_id,
                "to_id": str(other["toObjectId"]),
                "type_id": kind["typeId"],
                "category": kind["category"],
                "label": kind.get("label"),
            }


def check_partial(path: str, body: Json) -> None:
    """Accept "there is none" among the errors of a partial read; anything else would lose records."""
    for error in body.get("errors") or []:
        kind = f"{error.get('subCategory', '')} {error.get('category', '')}"
        if not any(mark in kind for mark in NOTHING_FOUND):
            raise UnavailableError(
                f"HubSpot answered {path} in part only ({error.get('category', 'no reason')}).",
                hint="Run again later.",
            )
