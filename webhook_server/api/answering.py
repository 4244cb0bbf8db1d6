"""Turns rows and documents into answers: JSON or CSV, a page at a time, with the tag of the run."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlencode

from flask import Response, request

from saaskpi.columns import json_rows, json_text, write_csv
from saaskpi.errors import (
    NeedsPersonError,
    SaaskpiError,
    StoreError,
    UsageError,
)
from saaskpi.listings import Listing
from webhook_server.answers import failed
from webhook_server.api.declared import Asked, Parameter

CSV: Final = "text/csv"
JSON: Final = "application/json"
LIST_PARAMETERS: Final = (
    Parameter(
        "page", "Which page, from 1.", {"type": "integer", "minimum": 1, "maximum": 1_000_000}, default=1
    ),
    Parameter("limit", "Rows of a page.", {"type": "integer", "minimum": 1, "maximum": 1000}, default=100),
    Parameter(
        "format",
        "json, or csv with money in units of the currency; the header Accept says it too.",
        {"type": "string", "enum": ["json", "csv"]},
    ),
)
_RETRY_AFTER: Final = "30"
_FLAG: Final = re.compile(r"--yes-(\w+) (\d+)")
"""What lets a plan through a guard, as the command line writes it."""


def document(data: Any, status: int = 200) -> Response:
    """Return any data as JSON."""
    return Response(json_text(data), status, content_type=JSON)


def of_run(asked: Asked, data: Mapping[str, Any]) -> Response:
    """Return data with the run that it is of."""
    return document({"run_id": asked.reading.run_id, "as_of": asked.reading.as_of, **data})


def page(asked: Asked, name: str, make: Callable[[], Listing]) -> Response:
    """Return a page of a list.

    Args:
        asked: says which page.
        name: of the list.
        make: makes the whole of it.
    """
    ours = {parameter.name for parameter in LIST_PARAMETERS}
    key = (name, *(item for item in sorted(asked.values.items()) if item[0] not in ours))
    listing = asked.reading.listing(key, make)
    number, limit, total = asked["page"], asked["limit"], len(listing.rows)
    rows = listing.rows[(number - 1) * limit : number * limit]
    if wants_csv(asked):
        text = io.StringIO()
        write_csv(rows, listing.columns, text)
        answer = Response(text.getvalue(), content_type=f"{CSV}; charset=utf-8")
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    else:
        shown = json_rows(rows, listing.columns)
        answer = of_run(asked, {"total": total, "page": number, "limit": limit, "rows": shown})
    answer.headers["X-Total-Count"] = str(total)
    if number * limit < total:
        given = [(key, value) for key, value in request.args.items(multi=True) if key != "page"]
        query = urlencode([*given, ("page", number + 1)])
        answer.headers["Link"] = f'<{request.path}?{query}>; rel="next"'
    return answer


def wants_csv(asked: Asked) -> bool:
    """Say whether a list is asked for as CSV: the parameter decides, then the header."""
    chosen = asked["format"]
    return bool(chosen == "csv") if chosen else request.accept_mimetypes.best_match([JSON, CSV]) == CSV


def tag_of(asked: Asked) -> str:
    """Return the ETag of an answer, without quotes."""
    tag = asked.reading.tag
    return f"{tag}-csv" if "format" in asked.values and wants_csv(asked) else tag


def unchanged(tag: str) -> Response | None:
    """Return 304 where the caller has the answer already."""
    if not request.if_none_match.contains_weak(tag):
        return None
    return tagged(Response(status=304), tag)


def tagged(answer: Response, tag: str) -> Response:
    """Add an ETag to an answer."""
    answer.set_etag(tag)
    answer.vary.add("Accept")
    return answer


def _in_body(flag: re.Match[str]) -> str:
    return f'"yes_{flag[1]}": {flag[2]}'


def refused(error: SaaskpiError) -> Response:
    """Return the answer for an expected error; of our own files nothing is shown."""
    # What stands on the command line as --month 2026-10 is a parameter here.
    hint = error.hint.replace("--", "")
    if isinstance(error, UsageError):
        return failed(400, error.message.replace("--", ""), hint)
    if isinstance(error, NeedsPersonError):
        return failed(409, error.message, _FLAG.sub(_in_body, error.hint))
    if isinstance(error, StoreError):
        answer = failed(503, "The server's tables are in use or cannot be read.", "Try again in a minute.")
        answer.headers["Retry-After"] = _RETRY_AFTER
        return answer
    return failed(502, error.message, hint)
