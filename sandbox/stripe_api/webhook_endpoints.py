"""The webhook endpoints that a client registered: created, listed, changed and deleted through the API."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

from sandbox.stripe_api.errors import invalid_value, missing, unknown_parameter
from sandbox.stripe_api.params import Params, boolean, required, string, strings

KIND = "webhook_endpoint"
ACCEPTED = ("api_version", "connect", "description", "enabled_events", "expand", "metadata", "url")
CHANGEABLE = ("description", "disabled", "enabled_events", "expand", "metadata", "url")


@dataclass
class WebhookEndpoints:
    """Registered endpoints, in memory. Thread-safe.

    Attributes:
        secret: The signing secret, the same for every endpoint so that it can be told before any exists.
        now: The sandbox's time.
    """

    secret: str
    now: Callable[[], datetime]
    _rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    _made: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def create(self, params: Params) -> dict[str, Any]:
        """Register a URL; only this answer shows the secret.

        Raises:
            ApiError: 400 for a missing, unknown or senseless parameter.
        """
        _refuse_others(params, ACCEPTED)
        row = {
            "object": KIND,
            "api_version": params.get("api_version"),
            "application": None,
            "created": int(self.now().timestamp()),
            "description": params.get("description"),
            "enabled_events": strings("enabled_events", required(params, "enabled_events")),
            "livemode": False,
            "metadata": _metadata(params),
            "status": "enabled",
            "url": _url(required(params, "url")),
        }
        with self._lock:
            self._made += 1
            endpoint_id = f"we_sandbox{self._made:06d}"
            self._rows[endpoint_id] = {"id": endpoint_id, **row}
        return {**self._rows[endpoint_id], "secret": self.secret}

    def update(self, endpoint_id: str, params: Params) -> dict[str, Any]:
        """Change a registered endpoint.

        Raises:
            ApiError: 404 when it does not exist, 400 for an unknown or senseless parameter.
        """
        _refuse_others(params, CHANGEABLE)
        changed = dict(self.get(endpoint_id))
        if "url" in params:
            changed["url"] = _url(params["url"])
        if "enabled_events" in params:
            changed["enabled_events"] = strings("enabled_events", params["enabled_events"])
        if "disabled" in params:
            changed["status"] = "disabled" if boolean("disabled", params["disabled"]) else "enabled"
        if "description" in params:
            changed["description"] = string("description", params["description"])
        changed["metadata"] = {**changed["metadata"], **_metadata(params)}
        with self._lock:
            self._rows[endpoint_id] = changed
        return changed

    def get(self, endpoint_id: str) -> dict[str, Any]:
        """One endpoint.

        Raises:
            ApiError: 404 when it does not exist.
        """
        row = self._rows.get(endpoint_id)
        if row is None:
            raise missing(KIND, endpoint_id)
        return row

    def delete(self, endpoint_id: str) -> dict[str, Any]:
        """Remove one endpoint.

        Raises:
            ApiError: 404 when it does not exist.
        """
        self.get(endpoint_id)
        with self._lock:
            self._rows.pop(endpoint_id, None)
        return {"id": endpoint_id, "object": KIND, "deleted": True}

    def rows(self) -> list[dict[str, Any]]:
        """All endpoints, newest first."""
        with self._lock:
            return list(reversed(self._rows.values()))

    def urls_for(self, event_type: str) -> list[str]:
        """Where an event of this type is to be sent."""
        return [
            row["url"]
            for row in self.rows()
            if row["status"] == "enabled"
            and any(fnmatchcase(event_type, pattern) for pattern in row["enabled_events"])
        ]


def _refuse_others(params: Params, accepted: tuple[str, ...]) -> None:
    for name in params:
        if name not in accepted:
            raise unknown_parameter(name)


def _metadata(params: Params) -> Mapping[str, str]:
    metadata = params.get("metadata", {})
    if not isinstance(metadata, dict):
        raise invalid_value("metadata", "Invalid object: metadata")
    return metadata


def _url(value: Any) -> str:
    url = string("url", value)
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise invalid_value("url", "Invalid URL: An explicit scheme (such as https) must be provided.")
    return url
