"""Small helpers between frames and plain Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import msgspec
import pandas as pd


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a frame as dicts."""
    return cast("list[dict[str, Any]]", frame.to_dict("records"))


def living(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that are not archived; a null says that they are not.

    Args:
        frame: has a column ``archived``.
    """
    return frame[~frame["archived"].eq(True).fillna(False).astype(bool)]


def picked(texts: pd.Series[Any], fields: Mapping[str, str]) -> pd.DataFrame:
    """Return some fields of JSON objects as columns, without building the rest of each object.

    Args:
        texts: JSON objects; a null or an empty text counts as an object without fields.
        fields: column name (a Python name) to field name.

    Returns:
        One object column per field, on the index of ``texts``; None where the field is missing.
    """
    wanted = msgspec.defstruct("Wanted", [(name, Any, None) for name in fields], rename=dict(fields))
    decode: Callable[[str], Any] = msgspec.json.Decoder(wanted).decode
    empty = wanted()
    objects = [decode(text) if isinstance(text, str) and text else empty for text in texts.tolist()]
    columns = {name: [getattr(one, name) for one in objects] for name in fields}
    return pd.DataFrame(columns, index=texts.index, dtype=object)
