"""docs/settings.md lists every setting, and no other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from saaskpi.settings import Settings

DOCUMENT = Path(__file__).parents[2] / "docs" / "settings.md"


def names(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from names(kind, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def documented() -> set[str]:
    rows = [line for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`([a-z0-9_.]+)`", row.split("|")[1])}


def test_the_document_lists_every_setting_and_no_other() -> None:
    assert documented() == set(names(Settings))
