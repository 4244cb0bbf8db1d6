"""Which sentences of the catalogues a text says."""

from __future__ import annotations

import re
import tomllib
from importlib import resources

from enrichment.messages import catalogue


def entries_of(language: str, subject: str) -> list[tuple[str, str]]:
    """Return (key, text) of every entry of one file, singular and plural apart."""
    file = resources.files("enrichment") / "messages" / language / f"{subject}.toml"
    sections = tuple(f"{name}." for name in tomllib.loads(file.read_text(encoding="utf-8")))
    return [
        (key, text)
        for key, entry in catalogue(language).items()
        if key.startswith(sections)
        for text in ([entry] if isinstance(entry, str) else entry.values())
    ]


def is_said(text: str, texts: str) -> bool:
    """Say whether an entry stands in a text with its placeholders filled; one of signs alone always does."""
    parts = re.split(r"\{\w+\}", text)
    if not any(part.strip(" .:;,()-\u00a0\u202f") for part in parts):
        return True
    return re.search("[^\n]+?".join(map(re.escape, parts)), texts) is not None
