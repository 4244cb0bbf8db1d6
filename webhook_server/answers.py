"""Answers in JSON."""

from __future__ import annotations

from typing import Any

import msgspec
from flask import Response


def answer(body: Any, status: int = 200) -> Response:
    """Return a JSON answer."""
    return Response(msgspec.json.encode(body), status, content_type="application/json")


def failed(status: int, error: str, hint: str = "") -> Response:
    """Return an answer that says what is wrong and what to do next."""
    return answer({"error": error, "hint": hint}, status)
